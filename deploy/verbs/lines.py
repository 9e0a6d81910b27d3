"""Anybody's words on an operator's terminal: errors, reasons, names of people and runs."""
from __future__ import annotations

from deploy.verbs.results import safe


def line(text: str, most: int = 400) -> str:
    """As one line of at most so many characters."""
    said = safe(" ".join(text.split()))
    return said if len(said) <= most else said[:most - 1] + "…"


def screen(text: str) -> str:
    """Lines that were put together from anybody's words, each of which holds no line break of its own."""
    return "\n".join(safe(one) for one in text.split("\n"))
