"""What `deploy/hashtide bench` measures: the stream, Spark's batch, a loop over orjson and DuckDB on the same files."""
