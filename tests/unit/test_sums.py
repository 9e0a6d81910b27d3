"""Checksums and RocksDB's tables, against values that others computed and tables that RocksDB wrote."""
from __future__ import annotations

import pytest

from deploy.checkpoints.doctor import lz4, sst
from deploy.checkpoints.doctor.finding import Bad
from deploy.checkpoints.doctor.sums import Checksum, crc32c
from deploy.checkpoints.doctor.xxh3 import xxh3_64
from tests.fakes.real import ROOT, real

DATA = bytes(i * 7 % 251 for i in range(5000))
TABLES = {path: data for path, data in real().data.items() if path.startswith(ROOT) and path.endswith(".sst")}
#: Of the first so many bytes of DATA, by the package xxhash.
XXH3 = {0: 0x2d06800538d394c2, 1: 0xc44bdff4074eecdb, 3: 0xc3489259e968ad9e, 4: 0xd3d60c1519014e89,
        8: 0xb88dee77f6bf6980, 9: 0x3688dcad730d826, 16: 0x9da23836adf2be1e, 17: 0xf34c3c9cf5a112d1,
        64: 0xfaecd52effbb854f, 128: 0x4c659b745f435148, 129: 0xb85222b83902b6e5, 240: 0xd6dfbf67b0675b54,
        241: 0xc614c8c3575348c1, 1024: 0xf22ef3dc84ff47ea, 1025: 0x43f869a83769a435, 5000: 0xce29a19460ee1bfc}


@pytest.mark.parametrize("data,crc", [(b"", 0), (b"\0" * 32, 0x8a9136aa), (b"\xff" * 32, 0x62a8ab43),
                                      (bytes(range(32)), 0x46dd794e), (b"123456789", 0xe3069283)])
def test_crc_32c_is_that_of_rfc_3720(data: bytes, crc: int) -> None:
    assert crc32c(data) == crc


@pytest.mark.parametrize("size", XXH3)
def test_xxh3_is_that_of_the_reference(size: int) -> None:
    assert xxh3_64(DATA[:size]) == XXH3[size]


def test_sparks_own_sums_hold_for_sparks_own_files() -> None:
    data = real().data
    sums = [path for path in data if path.startswith(f"{ROOT}/state/0/") and path.endswith(".crc")]
    assert len(sums) > 50
    for path in sums:
        summed = data[path.removesuffix(".crc")]
        Checksum.of(data[path]).check(len(summed), summed)


def test_a_table_of_rocksdb_is_whole_and_no_bit_of_it_may_change() -> None:
    assert TABLES
    for data in TABLES.values():
        sst.check(data)
    data = max(TABLES.values(), key=len)
    for at in {*range(0, len(data), 97), *range(len(data) - 120, len(data))}:
        with pytest.raises(Bad):
            sst.check(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1:])


@pytest.mark.parametrize("data", [b"", b"x", b"LZ4Block", b"LZ4Block\x25\xff\0\0\0\xff\0\0\0\0\0\0\0\xf0"])
def test_what_is_no_frame_is_no_crash(data: bytes) -> None:
    with pytest.raises(Bad):
        lz4.first_block(data)
