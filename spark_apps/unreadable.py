"""Which part of a checkpoint Spark could not read, from the stack of its error. Pure.

The root of such an error says what was met ("Error decoding offset 359 of input buffer"), and not where.
"""
from __future__ import annotations

import re

_STATE = re.compile(r"\[(CANNOT_LOAD_STATE_STORE(?:\.\w+)?)\]")
#: Frames of whatever reads a log; those that write one are of another kind of trouble.
_LOG = re.compile(r"\.(CommitLog|OffsetSeqLog|CompactibleFileStreamLog|StreamMetadata)\$?\.(?:deserialize|read)\(")


def part_of_error(error: BaseException) -> str:
    """The same of pyspark's exceptions, which keep the stack beside their text."""
    return part_of_checkpoint(f"{error}\n{getattr(error, '_stackTrace', '')}")


def part_of_checkpoint(stack: str) -> str:
    """Spark's condition for state, `CHECKPOINT_LOG` and its class for a log; empty where it was reading neither."""
    if found := _STATE.search(stack):
        return found[1]
    if found := _LOG.search(stack):
        return f"CHECKPOINT_LOG.{found[1]}"
    return ""
