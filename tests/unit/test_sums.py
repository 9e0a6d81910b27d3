"""Checksums and packed blocks of state, by what Spark and RocksDB wrote."""
from __future__ import annotations

import json

import pytest

from deploy.checkpoints.doctor import blocks, sst
from deploy.checkpoints.doctor.finding import Bad
from deploy.checkpoints.doctor.sums import Checksum
from tests.fakes.real import ROOT, real

TABLES = {path: data for path, data in real().data.items() if path.startswith(ROOT) and path.endswith(".sst")}


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


def test_a_changelog_begins_with_the_ids_of_those_before_it() -> None:
    names = {path.rsplit(".", 1)[0] for path in real().data}
    files = {path: data for path, data in real().data.items() if path.startswith(ROOT) and path.endswith(".changelog")}
    assert len(files) > 50
    for path, data in files.items():
        head = blocks.first_block(data)
        size, directory = int.from_bytes(head[2 + head[1]:4 + head[1]], "big"), path.rpartition("/")[0]
        said = [(one["version"], one["checkpointUniqueId"]) for one in json.loads(head[4 + head[1]:4 + head[1] + size])]
        last = int(path.rpartition("/")[2].partition("_")[0]) - 1
        assert [version for version, _ in said] == list(range(last + 1 - len(said), last + 1))
        assert {f"{directory}/{version}_{own}" for version, own in said} <= names


def test_a_changelog_that_is_cut_off_in_its_first_block_has_no_head() -> None:
    data = next(data for path, data in real().data.items() if path.endswith(".changelog"))
    for end in range(21 + int.from_bytes(data[9:13], "little")):
        with pytest.raises(Bad):
            blocks.first_block(data[:end])


@pytest.mark.parametrize("data", [b"", b"x", b"LZ4Block", b"LZ4Block\x25\xff\0\0\0\xff\0\0\0\0\0\0\0\xf0",
                                  b"LZ4Block\x25\1\0\0\0\xff\xff\xff\xff\0\0\0\0\xf0",
                                  b"LZ4Block\x25\1\0\0\0\xff\0\0\0\0\0\0\0\xf0"])
def test_what_is_no_frame_is_no_crash(data: bytes) -> None:
    with pytest.raises(Bad):
        blocks.first_block(data)
