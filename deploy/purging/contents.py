"""A file's bytes without withdrawn tweets: of landing or the spool, a pack, lines that were put aside. Pure."""
from __future__ import annotations

import codecs
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from spark_apps import packs
from spark_apps.redaction import Redacted, mentioned, redacted


@dataclass(frozen=True)
class Cleaned:
    """`lines`: how many had to change; `events`: of those whose tweet is gone, when it was tweeted (ms), where its id
    tells."""

    data: bytes
    lines: int
    events: frozenset[int | None]


#: None where nothing has to change. ValueError where the file is damaged.
Clean = Callable[[bytes, Collection[str]], "Cleaned | None"]


def landing(data: bytes, ids: Collection[str]) -> Cleaned | None:
    """The mark of byte order that a file begins with is no part of its first line, and stays."""
    if not mentioned(data, ids):
        return None
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    lines = packs.lines(data.removeprefix(mark))
    found = [redacted(line, ids) for line in lines]
    left = b"".join((one.line if one else line) + b"\n" for line, one in zip(lines, found, strict=True))
    return _cleaned(mark + left, found)


def pack(data: bytes, ids: Collection[str]) -> Cleaned | None:
    named = list(packs.unpack(data))
    found = [redacted(line, ids) for _, line in named]
    if not any(found):
        return None
    left = ((name, one.line if one else line) for (name, line), one in zip(named, found, strict=True))
    return _cleaned(packs.pack_lines(left), found)


def aside(data: bytes, ids: Collection[str]) -> Cleaned | None:
    """Parquet with (reason, file, line, body); a line that has to change is put aside no longer."""
    import pyarrow as pa
    from pyarrow import parquet

    table = parquet.read_table(pa.BufferReader(data))
    found = [redacted(body, ids) for body in table["body"].to_pylist()]
    if not any(found):
        return None
    sink = pa.BufferOutputStream()
    parquet.write_table(table.filter(pa.array([one is None for one in found])), sink)
    # They have no count, whatever time their id tells.
    return Cleaned(sink.getvalue().to_pybytes(), sum(map(bool, found)), frozenset())


def _cleaned(data: bytes, found: Iterable[Redacted | None]) -> Cleaned | None:
    changed = [one for one in found if one]
    return Cleaned(data, len(changed), frozenset(one.event_ms for one in changed if one.whole)) if changed else None
