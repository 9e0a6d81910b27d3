"""Errors in the operator's words. Each text says what was found, what was expected and what to do next."""
from __future__ import annotations


class HashtideError(Exception):
    """The answer is no. One line, no stack trace, exit code as below."""

    exit_code = 1


class BadUse(HashtideError, ValueError):
    """A wrong argument, option, parameter or configuration."""

    exit_code = 2


class Unreachable(HashtideError, ConnectionError):
    """A daemon that this needs does not answer, or answers that it cannot serve now."""

    exit_code = 3


class SafeMode(Unreachable):
    """The NameNode answers, but takes no writes yet."""


class NoTicket(HashtideError):
    """Kerberos does not know who asks, or a server does not believe it. No outage: waiting mends nothing."""


class TimedOut(HashtideError, TimeoutError):
    """A bounded wait ended; the text says what it waited for."""


class Refused(HashtideError):
    """A check before an action said no, and nothing was changed."""


class Damaged(Refused):
    """No driver may start on this checkpoint: another try finds the same, and a person chooses the way out."""
