"""A small X: the v2 filtered stream and its rules endpoints on loopback, with a ledger of what was sent."""
