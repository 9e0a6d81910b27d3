"""How much the spool may still take: its own limit, or the disk's, whichever comes first. Pure but for one look."""
from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

_ALARM = 0.8
#: Left to others on the disk, and to what must be remembered beside the spool.
_RESERVE = 64 << 20


@dataclass(frozen=True)
class Room:
    """Bytes that wait for HDFS, and how many there may be."""

    used: int
    most: int

    @property
    def full(self) -> bool:
        return self.used >= self.most

    @property
    def alarm(self) -> str | None:
        """In a line, from four fifths on."""
        if self.used < self.most * _ALARM or not self.used:
            return None
        said = f"the spool holds {_mb(self.used)} of at most {_mb(self.most)} MB that HDFS has not taken"
        return f"{said}: reading has stopped until there is room" if self.full else f"{said}: it is nearly full"


def look(spool: Path, used: int, limit: int) -> Room:
    try:
        free = max(0, shutil.disk_usage(spool).free - _RESERVE)
    except OSError:
        return Room(used, limit)
    return Room(used, min(limit, used + free))


def _mb(size: int) -> str:
    return f"{size / (1 << 20):,.0f}"
