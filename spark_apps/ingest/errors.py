"""What ends the ingest service, in one line that names the thing and the way out."""
from __future__ import annotations


class IngestError(Exception):
    """The answer is no. Exit code as below."""

    exit_code = 1


class WrongUse(IngestError, ValueError):
    """A wrong argument or input."""

    exit_code = 2


class Unreachable(IngestError, ConnectionError):
    """Something this needs does not answer."""

    exit_code = 3
