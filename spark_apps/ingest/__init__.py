"""Tweets into landing: from the filtered stream by way of a local spool, or from archives."""
