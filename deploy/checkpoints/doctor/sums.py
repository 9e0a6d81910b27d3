"""What Spark says of its state files: CRC-32C and size."""
from __future__ import annotations

import json
from dataclasses import dataclass

import google_crc32c

from deploy.checkpoints.doctor.finding import Bad


@dataclass(frozen=True)
class Checksum:
    """What Spark's <file>.crc says: the CRC as Java's int, and the size of the file."""

    value: int
    size: int

    @classmethod
    def of(cls, data: bytes) -> Checksum:
        """Bad where it is none; names that Spark may add are let be."""
        if not data:
            raise Bad("it is empty")
        try:
            said = json.loads(data)
            found = cls(said["value"], said["mainFileSize"])
        except (ValueError, KeyError, TypeError):
            raise Bad("it is cut off or garbled") from None
        if said.get("algorithm") != "CRC32C" or not all(type(one) is int for one in (found.value, found.size)):
            raise Bad("it is no CRC32C and size")
        return found

    def check(self, size: int, data: bytes | None) -> None:
        """Bad where the file is another one: by its size alone where it was not read."""
        if size != self.size:
            raise Bad(f"{size:,} bytes, its checksum file says {self.size:,}")
        if data is not None and (crc := google_crc32c.value(data)) != self.value & 0xFFFFFFFF:
            raise Bad(f"CRC-32C {crc:08x}, its checksum file says {self.value & 0xFFFFFFFF:08x}")
