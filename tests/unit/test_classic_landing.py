"""Which landing files a classic batch takes: the same again, each once, the oldest first."""
from __future__ import annotations

from typing import Any

import pytest

from spark_apps.classic import lines
from spark_apps.classic.landing import SETTLED_MS, Behind, Takes, settled
from spark_apps.contract import HOUR_MS, LandingFile, StreamPaths
from tests.fakes.files import Files

PATHS = StreamPaths("a")
AT = 1_800_000_000_000
WHERE = f"{PATHS.checkpoint(1)}/000001-abc"


class Landing(Files):
    """And when a directory changed, as spark_apps.files has it."""

    def changed(self, path: str) -> dict[str, int]:
        return {name: int(status["modificationTime"]) for name, status in self.statuses(path).items()}

    def land(self, n: int) -> str:
        name = LandingFile(AT + n, AT + n, "x", f"u{n}").name
        self.replace(f"{PATHS.landing_hour(AT + n)}/{name}", b"")
        return name


@pytest.fixture
def files() -> Landing:
    return Landing(lambda: AT)


def takes(files: Landing, most: int = 2, **more: Any) -> Takes:
    return Takes(files, PATHS, WHERE, most, **more)   # type: ignore[arg-type]


def test_each_file_is_taken_once_the_oldest_first_and_a_batch_again_takes_the_same(files: Landing) -> None:
    names = [files.land(n) for n in (3, 1, 2)]
    first = takes(files)
    assert [first.of(10), first.of(20), first.of(30)] == [[names[1], names[2]], [names[0]], []]
    late = files.land(4)
    again = takes(files)
    assert [again.of(at) for at in (20, 10, 30, 40)] == [[names[0]], [names[1], names[2]], [late], []]


def test_a_batch_before_the_newest_that_had_nothing_has_nothing_again(files: Landing) -> None:
    files.land(1)
    assert takes(files).of(20)
    files.land(2)
    assert takes(files).of(10) == []


def test_what_lands_once_a_batch_has_begun_is_the_next_ones(files: Landing) -> None:
    found = takes(files)
    assert found.of(10) == []
    name = files.land(1)
    assert found.of(10) == [], "its tweets are read already, and nothing would count the file again"
    assert found.of(20) == [name]


def test_a_batch_of_an_earlier_driver_that_had_nothing_has_nothing_again(files: Landing) -> None:
    names = [files.land(1)]
    assert takes(files).of(10) == names
    names.append(files.land(2))
    found = takes(files)
    found.none_until(30)   # 20 and 30 had begun
    assert [found.of(at) for at in (10, 20, 30, 40)] == [names[:1], [], [], names[1:]]


def test_what_another_driver_has_written_for_a_batch_counts(files: Landing) -> None:
    name = files.land(1)
    mine, other = takes(files), takes(files, 1)
    assert other.of(10) == [name]
    files.land(2)
    assert mine.of(10) == [name] and len(mine.of(20)) == 1


def test_files_before_the_seam_are_left(files: Landing) -> None:
    files.land(1)
    name = files.land(5)
    assert takes(files, since_ms=AT + 5).of(10) == [name]


def test_a_directory_that_has_settled_is_listed_again_once_it_changes(files: Landing) -> None:
    files.land(1)
    found = takes(files)
    assert found.of(10) and found.of(20) == []
    found._looked = {PATHS.landing_hour(AT): AT - 2 * SETTLED_MS}
    name = files.land(9)
    assert found.of(30) == [name]


def test_what_no_batch_asks_for_again_is_kept_by_landing_hour_and_goes_with_it(files: Landing) -> None:
    names = [files.land(n) for n in (1, 2, HOUR_MS)]
    found = takes(files, 1)
    assert [found.of(at) for at in (10, 20, 30)] == [[name] for name in names]
    found.settle(20)
    assert files.list(f"{WHERE}/takes") == [f"{30:013d}.json"]
    assert settled(files, WHERE) == {AT - AT % HOUR_MS: names[:2]}
    again = takes(files)
    assert again.of(30) == names[2:] and again.of(40) == [], "none is taken twice"
    with pytest.raises(Behind, match="batch 20 of .*/000001-abc"):
        again.of(20)
    for name in names[:2]:
        files.delete(f"{PATHS.landing_hour(AT)}/{name}")
    again.settle(30)
    assert settled(files, WHERE) == {AT + HOUR_MS - AT % HOUR_MS: names[2:]}
    assert files.list(f"{WHERE}/takes") == []


@pytest.mark.parametrize("deleted", range(4))
def test_settled_half_way_it_takes_nothing_twice(files: Landing, deleted: int) -> None:
    names = [files.land(n) for n in (1, 2)]
    found, calls = takes(files, 1), [0]
    assert [found.of(at) for at in (10, 20)] == [[name] for name in names]
    write, delete = files.write_json, files.delete

    def until(do: Any) -> Any:
        def called(*args: Any) -> Any:
            calls[0] += 1
            if calls[0] > deleted:
                raise OSError("killed")
            return do(*args)
        return called
    files.write_json, files.delete = until(write), until(delete)   # type: ignore[method-assign]
    with pytest.raises(OSError):
        found.settle(20)
    files.write_json, files.delete = write, delete   # type: ignore[method-assign]
    again = takes(files)
    assert again.of(30) == []
    again.settle(20)
    assert settled(files, WHERE) == {AT - AT % HOUR_MS: names} and files.list(f"{WHERE}/takes") == []


def test_a_line_goes_on_only_with_its_own_code_once_its_first_state_was_kept(files: Landing) -> None:
    base = PATHS.checkpoint(1)
    first = lines.directory(files, base, "abc")
    assert first == f"{base}/000001-abc"
    files.write_json(f"{first}/origin.json", {})
    assert lines.directory(files, base, "abc") == f"{base}/000002-abc", "its state cannot be had again"
    files.write_json(f"{first}/{lines.READY}", {})
    assert lines.directory(files, base, "abc") == first
    assert lines.directory(files, base, "def") == f"{base}/000002-def"
    files.write_json(f"{base}/000002-def/{lines.READY}", {})
    assert lines.directory(files, base, "abc") == f"{base}/000003-abc", "what an older code had kept is behind by now"
