"""Blocks packed by LZ4, as RocksDB's tables and Spark's changelogs have them."""
from __future__ import annotations

from lz4.block import LZ4BlockError, decompress

from deploy.checkpoints.doctor.finding import Bad

_MAGIC, _HEAD, _STORED = b"LZ4Block", 21, 0x10


def first_block(data: bytes) -> bytes:
    """Of a stream of lz4-java's LZ4BlockOutputStream, unpacked; Bad where it is none."""
    size, whole = (int.from_bytes(data[at:at + 4], "little") for at in (9, 13))
    block = data[_HEAD:_HEAD + size]
    # A block has at most 1 KiB times two to the power of the lower half of its token.
    if len(data) < _HEAD or data[:8] != _MAGIC or len(block) < size or whole > 1024 << (data[8] & 0x0F):
        raise Bad("it is cut off or garbled")
    return block if data[8] & 0xF0 == _STORED else unpacked(block, whole)


def unpacked(block: bytes, size: int) -> bytes:
    """Of so many bytes; Bad where it has not as many, or is none."""
    try:
        found: bytes = decompress(block, uncompressed_size=size)
    except (LZ4BlockError, ValueError, OverflowError, MemoryError):
        found = b""
    if len(found) != size or not size:
        raise Bad("it is cut off or garbled")
    return found
