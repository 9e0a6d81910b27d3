"""The simulator's ledger: what it sent on which connection, and what it did not."""
from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

_RECORD, _SENT = b',"record":', b'{"sent_ms":'


@dataclass(frozen=True)
class Unsent:
    """`connection` is None where nobody was connected; `seq` is that of the connection's ledger, where it is in it."""

    at_ms: int
    connection: int | None
    seq: int | None
    reason: str
    record: bytes


def records_of_ledger(directory: Path, without: Collection[str] = ()) -> Iterator[tuple[int, bytes]]:
    """(sent_ms, the record's own bytes) of every ledger in this directory but those of these names, one a connection.

    Records of redundant connections are in it once each. A last line that is still being written is left out, and so
    is what was written out and then thrown away with the buffer of its connection.
    """
    thrown = {(one.connection, one.seq) for one in unsent_of_ledger(directory) if one.seq is not None}
    for path in sorted(path for path in Path(directory).glob("ledger-*.jsonl") if path.name not in without):
        number = int(path.stem.rpartition("-")[2])
        with path.open("rb") as file:
            for seq, line in enumerate(file, 1):
                if line.endswith(b"}\n") and (number, seq) not in thrown:
                    head, _, rest = line.partition(_RECORD)
                    yield int(head[len(_SENT):head.index(b",")]), rest[:-2]


def unsent_of_ledger(directory: Path, without: Collection[str] = ()) -> Iterator[Unsent]:
    """What a connection did not get when it was made, in that order; it may have come later, by a backfill."""
    path = Path(directory) / "unsent.jsonl"
    for line in path.open("rb") if path.exists() else ():
        if line.endswith(b"}\n"):
            head, _, rest = line.partition(_RECORD)
            said = json.loads(head + b"}")
            if f"ledger-{said['connection']}.jsonl" not in without:
                yield Unsent(**said, record=rest[:-2])


def lost_of_ledger(directory: Path, without: Collection[str] = ()) -> list[bytes]:
    """Records that were made and came on no connection at all, in the order in which they were made, each once."""
    sent = Counter(record for _, record in records_of_ledger(directory, without))
    return list(dict.fromkeys(one.record for one in unsent_of_ledger(directory, without) if one.record not in sent))
