"""Landing files move into the archive, and the process that moves them is killed before and after each change: every
line is there once, whoever looks, and the next run comes to the end."""
from __future__ import annotations

import codecs

import pytest

from deploy.errors import HashtideError
from deploy.retention import packing
from spark_apps import packs
from spark_apps.contract import HOUR_MS, LandingFile
from tests.fakes.actors import CutOff
from tests.fakes.checkpoints import CutAt
from tests.fakes.files import Files
from tests.fakes.world import PATHS

TEN = 1_772_359_200_000
LINES = [b'{"data":{}}', b"", b"a\rb", b"\xff\xfe no UTF-8 \xc3", b"a\ttab"]


def name(number: int) -> str:
    return LandingFile(TEN + number * 10_000, TEN + number * 10_000 + 9_999, "x", f"u{number}").name


def an_hour(files: int = 5) -> Files:
    hdfs = Files()
    for number in range(files):
        data = b"".join(line + b"\n" for line in [*LINES, f"of {number}".encode()])
        hdfs.replace(f"{PATHS.landing_hour(TEN)}/{name(number)}", data)
    return hdfs


def read(hdfs: Files) -> list[tuple[str, bytes]]:
    """What a reader of the hour finds: (landing file, line), sorted."""
    found = packs.landed(hdfs, PATHS, TEN, TEN + HOUR_MS)
    seen = [(path.rpartition("/")[2], line) for path in found.plain for line in packs.lines(hdfs.data[path])]
    for pack, names in found.packed.items():
        seen += [(file, line) for file, line in packs.unpack(hdfs.data[pack]) if file in names]
    return sorted(seen)


@pytest.fixture(autouse=True)
def small_packs_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "AT_ONCE", 1)
    monkeypatch.setattr(packing, "PACK_BYTES", 100)


def test_packed_an_hour_has_the_lines_that_it_had_and_landing_is_empty() -> None:
    hdfs = an_hour()
    before = read(hdfs)
    packing.move(hdfs, PATHS, TEN, [name(n) for n in range(5)])
    assert read(hdfs) == before and len(before) == 5 * 6
    assert not hdfs.list(PATHS.landing_hour(TEN))
    assert len(packs.packs(hdfs, PATHS.archive_hour(TEN))) > 1


@pytest.mark.parametrize("then", [[0, 1, 2, 3], [2, 3, 4], [0, 1, 2, 3, 4]])
def test_killed_anywhere_each_line_is_there_once_and_another_list_comes_to_the_end(then: list[int]) -> None:
    whole, first = CutAt(an_hour(), 1 << 30, False), [name(n) for n in range(4)]
    packing.move(whole, PATHS, TEN, first)  # type: ignore[arg-type]
    before = read(an_hour())
    assert whole.calls >= 8
    for at in range(1, whole.calls + 1):
        for after in (False, True):
            hdfs = an_hour()
            with pytest.raises(CutOff):
                packing.move(CutAt(hdfs, at, after), PATHS, TEN, first)  # type: ignore[arg-type]
            assert read(hdfs) == before, f"killed {'after' if after else 'before'} change {at}"
            packing.move(hdfs, PATHS, TEN, [name(n) for n in then])
            assert read(hdfs) == before, f"killed {'after' if after else 'before'} change {at}, and gone on"
            assert not {name(n) for n in then} & set(hdfs.list(PATHS.landing_hour(TEN)))


def test_a_file_in_two_packs_is_read_once() -> None:
    hdfs = an_hour()
    before, at = read(hdfs), PATHS.landing_hour(TEN)
    for numbers in ([0, 1, 2], [1, 2, 3, 4]):
        packing._write(hdfs, at, PATHS.archive_hour(TEN), [name(n) for n in numbers])
    assert read(hdfs) == before
    for number in range(5):
        hdfs.delete(f"{at}/{name(number)}")
    assert read(hdfs) == before


def test_a_pack_that_is_not_as_it_was_written_costs_no_landing_file() -> None:
    hdfs = an_hour()
    before, put = dict(hdfs.data), hdfs.replace
    hdfs.replace = lambda path, data: put(path, data[:-1])  # type: ignore[method-assign]
    with pytest.raises(HashtideError, match="stay in landing"):
        packing.move(hdfs, PATHS, TEN, [name(n) for n in range(5)])
    assert before.items() <= hdfs.data.items()
    del hdfs.replace
    packing.move(hdfs, PATHS, TEN, [name(n) for n in range(5)])
    assert read(hdfs) == read(an_hour())


def test_of_a_pack_what_arrived_after_the_instant_is_not_read() -> None:
    hdfs = an_hour()
    packing.move(hdfs, PATHS, TEN, [name(n) for n in range(5)])
    assert set(packs.landed(hdfs, PATHS, TEN, TEN + 20_000).where) == {name(0), name(1)}


def test_a_byte_order_mark_that_a_file_begins_with_is_skipped_as_spark_does() -> None:
    packed = packs.pack([(name(0), codecs.BOM_UTF8 + b"a\n" + codecs.BOM_UTF8 + b"b\n")])
    assert [line for _, line in packs.unpack(packed)] == [b"a", codecs.BOM_UTF8 + b"b"]
