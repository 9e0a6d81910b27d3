"""`bench`: seeded data, and what was measured as figures and ratios. The engines are run by spark_apps.bench."""
