"""Spans of time as (from, to) in ms, `to` not included. Pure."""
from __future__ import annotations

from collections.abc import Iterable

Span = tuple[int, int]


def union(spans: Iterable[Span]) -> list[Span]:
    """The same time, each instant once, oldest first."""
    out: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if out and start <= out[-1][1]:
            out[-1] = out[-1][0], max(out[-1][1], end)
        else:
            out.append((start, end))
    return out


def common(left: Iterable[Span], right: Iterable[Span]) -> list[Span]:
    """What is in both."""
    others = list(right)
    return union((max(a, c), min(b, d)) for a, b in left for c, d in others)


def length(spans: Iterable[Span]) -> int:
    return sum(end - start for start, end in union(spans))


def touches(span: Span, others: Iterable[Span]) -> bool:
    return any(start < span[1] and span[0] < end for start, end in others)
