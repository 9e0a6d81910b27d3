"""Pure DataFrame -> DataFrame steps that stream and batch share: parse -> identify -> extract -> keys -> minute_counts.

Each ends in a select that is its schema. They need a session with spark_apps.session.SQL (UTC; last map key wins).
"""
