"""CRC-32C, the checksum of Spark's state files: RFC 3720, appendix B.4; in Python, some MB a second."""
from __future__ import annotations

import json
from dataclasses import dataclass

from deploy.checkpoints.doctor.finding import Bad

_POLYNOMIAL = 0x82F63B78   # Castagnoli's, bits reversed


def _table() -> tuple[tuple[int, ...], ...]:
    """How a byte changes the register, and how it does with one to seven bytes after it."""
    first = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
        first.append(byte)
    tables = [tuple(first)]
    for _ in range(7):
        tables.append(tuple(first[value & 0xFF] ^ value >> 8 for value in tables[-1]))
    return tuple(tables)


_T0, _T1, _T2, _T3, _T4, _T5, _T6, _T7 = _table()


def crc32c(data: bytes) -> int:
    """Unsigned."""
    crc, whole = 0xFFFFFFFF, len(data) - len(data) % 8
    # Eight bytes at a time: the loop is what costs.
    for at in range(0, whole, 8):
        a, b, c, d, e, f, g, h = data[at:at + 8]
        crc = (_T7[a ^ crc & 0xFF] ^ _T6[b ^ crc >> 8 & 0xFF] ^ _T5[c ^ crc >> 16 & 0xFF] ^ _T4[d ^ crc >> 24]
               ^ _T3[e] ^ _T2[f] ^ _T1[g] ^ _T0[h])
    for byte in data[whole:]:
        crc = _T0[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


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
        if data is not None and (crc := crc32c(data)) != self.value & 0xFFFFFFFF:
            raise Bad(f"CRC-32C {crc:08x}, its checksum file says {self.value & 0xFFFFFFFF:08x}")
