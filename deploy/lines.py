"""Text on an operator's terminal: anybody's words (errors, reasons, tags, names of people and runs), and tables."""
from __future__ import annotations

import unicodedata

#: Unicode's categories of control characters, formats, surrogates, private use, separators of lines and paragraphs.
_STEERING = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
_JOINERS = "\u200c\u200d"


def safe(form: str) -> str:
    """A tag is anybody's text: what could steer a terminal is written as its number. Joiners inside words stay."""
    return "".join(c.encode("unicode_escape").decode() if unicodedata.category(c) in _STEERING and c not in _JOINERS
                   else c for c in form)


def tag_key(typed: str) -> str:
    """What a person typed for a tag, as the counts spell it (spark_apps.transforms.hashtags.key)."""
    return unicodedata.normalize("NFKC", typed.lstrip("#＃")).casefold()


def columns(form: str) -> int:
    """Cells a terminal needs for it."""
    return sum(0 if unicodedata.category(c) in ("Mn", "Me", "Cf") else
               2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in form)


def line(text: str, most: int = 400) -> str:
    """As one line of at most so many characters."""
    said = safe(" ".join(text.split()))
    return said if len(said) <= most else said[:most - 1] + "…"


def screen(text: str) -> str:
    """Lines that were put together from anybody's words, each of which holds no line break of its own."""
    return "\n".join(safe(one) for one in text.split("\n"))


def table(rows: list[list[str]], header: list[str]) -> str:
    """Columns as wide as their widest cell."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
                     for row in [header, *rows])
