"""LZ4 blocks, as RocksDB's tables and Spark's changelogs have them.

https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md; the frame around those of a changelog is lz4-java's own.
"""
from __future__ import annotations

from deploy.checkpoints.doctor.finding import Bad

_MAGIC, _HEAD, _STORED = b"LZ4Block", 21, 0x10


def first_block(data: bytes) -> bytes:
    """Of a stream of lz4-java's LZ4BlockOutputStream, unpacked; Bad where it is none."""
    size = int.from_bytes(data[9:13], "little")
    block = data[_HEAD:_HEAD + size]
    if data[:8] != _MAGIC or len(block) < size:
        raise Bad("it is cut off or garbled")
    try:
        return block if data[8] & 0xF0 == _STORED else unpacked(block, 0)
    except IndexError:
        raise Bad("it is cut off or garbled") from None


def unpacked(data: bytes, at: int) -> bytes:
    """The block that begins there; IndexError where it is none."""
    out = bytearray()
    while True:
        token = data[at]
        literals, at = _length(data, at + 1, token >> 4)
        out += data[at:at + literals]
        at += literals
        if at >= len(data):
            return bytes(out)
        back = data[at] | data[at + 1] << 8
        length, at = _length(data, at + 2, token & 15)
        for _ in range(length + 4):
            out.append(out[-back])


def _length(data: bytes, at: int, length: int) -> tuple[int, int]:
    if length < 15:
        return length, at
    while True:
        byte = data[at]
        length, at = length + byte, at + 1
        if byte < 255:
            return length, at
