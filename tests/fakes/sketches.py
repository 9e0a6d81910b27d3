"""Sketches of authors as the stream's tables have them, made without Spark."""
from __future__ import annotations

from collections.abc import Iterable

from datasketches import update_theta_sketch


def sketch(authors: Iterable[int]) -> bytes:
    made = update_theta_sketch()
    for author in authors:
        made.update(author)
    return bytes(made.compact().serialize())
