"""What runs on the cluster, shipped as one zip; also the ingest service."""
