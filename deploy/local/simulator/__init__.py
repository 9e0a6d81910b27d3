"""A small X on loopback: the v2 filtered stream, what an ingest needs beside it, faults by a script, and a ledger."""
