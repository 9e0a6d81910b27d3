"""XXH3, the checksum of the blocks of RocksDB's tables: 64 bits, seed 0, the default secret.

https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md; in Python, some MB a second.
"""
from __future__ import annotations

import struct

_M32, _M64 = (1 << 32) - 1, (1 << 64) - 1
_P32 = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D)
_P64 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
_SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
    "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb"
    "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e")
_LANES = struct.Struct("<8Q")
#: The secret as it meets the stripes of a block, the end of a block, and the last stripe.
_STRIPES = [_LANES.unpack_from(_SECRET, 8 * n) for n in range(16)]
_SCRAMBLE, _LAST = _LANES.unpack_from(_SECRET, 128), _LANES.unpack_from(_SECRET, 121)


def xxh3_64(data: bytes) -> int:
    size = len(data)
    if size <= 16:
        return _short(data, size)
    if size <= 240:
        return _middle(data, size)
    return _long(data, size)


def _short(data: bytes, size: int) -> int:
    if size > 8:
        low = _u64(data, 0) ^ _u64(_SECRET, 24) ^ _u64(_SECRET, 32)
        high = _u64(data, size - 8) ^ _u64(_SECRET, 40) ^ _u64(_SECRET, 48)
        return _avalanche(size + int.from_bytes(low.to_bytes(8, "little"), "big") + high + _fold(low, high))
    if size > 3:
        both = (_u32(data, size - 4) + (_u32(data, 0) << 32)) ^ _u64(_SECRET, 8) ^ _u64(_SECRET, 16)
        both ^= _rotated(both, 49) ^ _rotated(both, 24)
        both = both * 0x9FB21C651E98DF25 & _M64
        both = (both ^ (both >> 35) + size) * 0x9FB21C651E98DF25 & _M64
        return both ^ both >> 28
    if size:
        mixed = data[0] << 16 | data[size >> 1] << 24 | data[-1] | size << 8
        return _avalanche_64(mixed ^ _u32(_SECRET, 0) ^ _u32(_SECRET, 4))
    return _avalanche_64(_u64(_SECRET, 56) ^ _u64(_SECRET, 64))


def _middle(data: bytes, size: int) -> int:
    sum_of = size * _P64[0]
    if size <= 128:
        for n in range((size - 1) // 32, -1, -1):
            sum_of += _mixed(data, 16 * n, 32 * n) + _mixed(data, size - 16 * (n + 1), 32 * n + 16)
        return _avalanche(sum_of)
    sum_of = _avalanche(sum_of + sum(_mixed(data, 16 * n, 16 * n) for n in range(8)))
    sum_of += sum(_mixed(data, 16 * n, 16 * (n - 8) + 3) for n in range(8, size // 16))
    return _avalanche(sum_of + _mixed(data, size - 16, 119))


def _long(data: bytes, size: int) -> int:
    lanes = [_P32[2], *_P64[:4], _P32[1], _P64[4], _P32[0]]
    stripes = (size - 1) // 64
    for n in range(stripes):
        _accumulate(lanes, _LANES.unpack_from(data, 64 * n), _STRIPES[n % 16])
        if n % 16 == 15:
            for i, key in enumerate(_SCRAMBLE):
                lanes[i] = (lanes[i] ^ lanes[i] >> 47 ^ key) * _P32[0] & _M64
    _accumulate(lanes, _LANES.unpack_from(data, size - 64), _LAST)
    merged = size * _P64[0] + sum(_fold(lanes[i] ^ _u64(_SECRET, 11 + 8 * i), lanes[i + 1] ^ _u64(_SECRET, 19 + 8 * i))
                                  for i in range(0, 8, 2))
    return _avalanche(merged)


def _accumulate(lanes: list[int], stripe: tuple[int, ...], secret: tuple[int, ...]) -> None:
    for i in range(8):
        value = stripe[i]
        key = value ^ secret[i]
        lanes[i ^ 1] = lanes[i ^ 1] + value & _M64
        lanes[i] = lanes[i] + (key & _M32) * (key >> 32) & _M64


def _mixed(data: bytes, at: int, secret: int) -> int:
    return _fold(_u64(data, at) ^ _u64(_SECRET, secret), _u64(data, at + 8) ^ _u64(_SECRET, secret + 8))


def _fold(one: int, other: int) -> int:
    product = one * other
    return product & _M64 ^ product >> 64


def _avalanche(value: int) -> int:
    value &= _M64
    value = (value ^ value >> 37) * 0x165667919E3779F9 & _M64
    return value ^ value >> 32


def _avalanche_64(value: int) -> int:
    value = (value ^ value >> 33) * _P64[1] & _M64
    value = (value ^ value >> 29) * _P64[2] & _M64
    return value ^ value >> 32


def _rotated(value: int, by: int) -> int:
    return (value << by | value >> 64 - by) & _M64


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at:at + 4], "little")


def _u64(data: bytes, at: int) -> int:
    return int.from_bytes(data[at:at + 8], "little")
