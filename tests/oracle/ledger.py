"""The simulator's ledger: what it sent on which connection."""
from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

_RECORD, _SENT = b',"record":', b'{"sent_ms":'


def records_of_ledger(directory: Path, without: Collection[str] = ()) -> Iterator[tuple[int, bytes]]:
    """(sent_ms, the record's own bytes) of every ledger in this directory but those of these names, one a connection.

    Records of redundant connections are in it once each. A last line that is still being written is left out.
    """
    for path in sorted(path for path in Path(directory).glob("ledger-*.jsonl") if path.name not in without):
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"}\n"):
                    head, _, rest = line.partition(_RECORD)
                    yield int(head[len(_SENT):head.index(b",")]), rest[:-2]
