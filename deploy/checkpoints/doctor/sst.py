"""RocksDB's tables (*.sst): whether each block is what was written. Spark's own checksums leave them out.

Block-based tables of format version 5 with XXH3, as Spark 4.2 writes them: blocks one after the other, each with a byte
for its compression and four for its sum; the footer names two of them, and those name all others.
https://github.com/facebook/rocksdb/wiki/Rocksdb-BlockBasedTable-Format
"""
from __future__ import annotations

from collections.abc import Iterator

from xxhash import xxh3_64_intdigest

from deploy.checkpoints.doctor.blocks import unpacked
from deploy.checkpoints.doctor.finding import Bad

_FOOTER, _TRAILER, _MAGIC, _XXH3 = 53, 5, 0x88E241B785F4CFF7, 4
#: The sum is of the block alone; the byte for its compression is worked in by this factor.
_LAST_BYTE = 0x6B9083D9
_PLAIN, _LZ4 = 0, 4
Handle = tuple[int, int]


def check(data: bytes) -> None:
    """Bad where a byte is not as it was written."""
    footer = data[-_FOOTER:]
    if len(footer) < _FOOTER or int.from_bytes(footer[-8:], "little") != _MAGIC or footer[0] != _XXH3 or \
            footer[-12:-8] != b"\5\0\0\0":
        raise Bad("it does not end as a table of RocksDB's")
    try:
        (meta, index), rest = _handles(footer[1:-12], 2)
        if rest.strip(b"\0"):
            raise Bad("its last bytes are garbled")
        found = [meta, index, *_named(_block(data, meta)), *_indexed(_block(data, index))]
    except IndexError:
        raise Bad("a block in it names what is not there") from None
    end = 0
    for at, size in sorted(found):
        if at != end:
            raise Bad(f"the block at {end} is named by none")
        _block(data, (at, size))
        end = at + size + _TRAILER
    if end != len(data) - _FOOTER:
        raise Bad(f"its blocks end at {end} of {len(data)}")


def _block(data: bytes, handle: Handle) -> bytes:
    at, size = handle
    block, trailer = data[at:at + size], data[at + size:at + size + _TRAILER]
    if len(trailer) < _TRAILER:
        raise Bad(f"the block at {at} is beyond its end")
    found = xxh3_64_intdigest(block) & 0xFFFFFFFF ^ trailer[0] * _LAST_BYTE & 0xFFFFFFFF
    if found != int.from_bytes(trailer[1:], "little"):
        raise Bad(f"the block at {at} is garbled")
    if trailer[0] == _LZ4:
        size, start = _varint(block, 0)
        return unpacked(block[start:], size)
    return block


def _named(block: bytes) -> Iterator[Handle]:
    """Of the block of names: filter, properties."""
    at, end = 0, _entries_end(block)
    while at < end:
        _, at = _varint(block, at)
        own, at = _varint(block, at)
        size, at = _varint(block, at)
        at += own
        yield _handles(block[at:at + size], 1)[0][0]
        at += size


def _indexed(block: bytes) -> Iterator[Handle]:
    """Of the index: a key's value is a handle, or by how much a block is larger than the one before it."""
    at, end, last = 0, _entries_end(block), (0, 0)
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        at += own
        if shared:
            more, at = _varint(block, at)
            last = last[0] + last[1] + _TRAILER, last[1] + (more >> 1 ^ -(more & 1))
        else:
            offset, at = _varint(block, at)
            size, at = _varint(block, at)
            last = offset, size
        yield last


def _entries_end(block: bytes) -> int:
    """Before the list of restarts, whose length is the last word."""
    return len(block) - 4 - 4 * (int.from_bytes(block[-4:], "little") & 0x7FFFFFFF)


def _handles(data: bytes, count: int) -> tuple[list[Handle], bytes]:
    at, found = 0, list[Handle]()
    for _ in range(count):
        offset, at = _varint(data, at)
        size, at = _varint(data, at)
        found.append((offset, size))
    return found, data[at:]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """(value, where it ends)."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
