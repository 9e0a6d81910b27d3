"""Tables in the list of retention: files that no version has any more go, closed hours are put together, no row
changes; cut off anywhere the next run comes to the end."""
from __future__ import annotations

from typing import Any

import pytest

from deploy.backfill import seal_tag
from deploy.checkpoints import savepoint
from deploy.errors import BadUse, HashtideError, Refused
from deploy.retention import doing, together
from deploy.retention.doing import retire
from deploy.retention.horizons import Horizons
from deploy.retention.tables import HOURS, OF_A_TABLE, OF_AN_HOUR
from deploy.retention.words import text
from spark_apps.contract import HOUR_MS, hour_name
from tests.fakes import delta
from tests.fakes.actors import CutOff
from tests.fakes.checkpoints import cut
from tests.fakes.delta import append, rows, versions
from tests.fakes.retention import BEGAN, MINUTE_MS, USUAL, begun, days, list_of, reasons, seal, whats
from tests.fakes.world import PATHS, STREAM, World

DAYS, BATCHES = 9, 12


@pytest.fixture(autouse=True)
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doing, "AT_ONCE", 1)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Four hours were counted and sealed; three of them are closed, and one is not."""
    return of(monkeypatch)


def of(monkeypatch: pytest.MonkeyPatch, landed_days: float = 0) -> World:
    made = begun()
    days(made, landed_days)
    monkeypatch.setattr(doing, "look_at_tables", delta.look(made))
    monkeypatch.setattr(together, "run", delta.ops(made))
    for hour in (*CLOSED, OPEN):
        made.ms = hour
        for n in range(BATCHES):
            made.ms += MINUTE_MS
            append(made, "counts_live", hour, f"{hour} {n} a 1", f"{hour} {n} b 2")
        seal(made, hour)
    made.ms = BEGAN + DAYS * 24 * HOUR_MS
    return made


CLOSED = [BEGAN + (7 * 24 + n) * HOUR_MS for n in range(3)]
OPEN = BEGAN + (DAYS * 24 - 5) * HOUR_MS
LIVE = PATHS.table("counts_live")


def optimised(world: World) -> list[str]:
    return whats(list_of(world), "optimise")


def test_hours_that_are_sealed_and_closed_are_put_together_and_no_row_changes(world: World) -> None:
    before, found = rows(world, "counts_live"), list_of(world)
    assert optimised(world) == [f"counts_live {hour_name(hour)}" for hour in CLOSED]
    assert {item.files for item in found.found.items if not item.goes} == {BATCHES}
    retire(world.tools, STREAM, USUAL, found.checksum)
    assert rows(world, "counts_live") == before
    live = [part.hour for part in delta.look(world)(None, {"counts_live": LIVE}, 168)[0].live]
    assert [live.count(hour) for hour in (*CLOSED, OPEN)] == [1, 1, 1, BATCHES]
    assert not list_of(world).found.items


def test_the_list_says_it_apart_from_what_goes(world: World) -> None:
    said = text(list_of(world))
    assert said[0].endswith(": nothing may go, and 36 small files to 3 be put together")
    assert sum("small files of an hour that is sealed and closed" in line for line in said) == 3
    retire(world.tools, STREAM, USUAL, list_of(world).checksum)
    assert text(list_of(world))[0].endswith("nothing may go")


def test_an_hour_that_is_not_sealed_stays_as_it_is_and_the_list_says_so(world: World) -> None:
    world.hdfs.delete(PATHS.seal_result(CLOSED[0]))
    seal(world, CLOSED[1], complete=False)
    assert optimised(world) == [f"counts_live {hour_name(CLOSED[2])}"]
    assert "small files of counts_live: the hour is not sealed, or incomplete" in reasons(list_of(world))


def test_few_files_are_not_worth_a_commit(world: World) -> None:
    seal(world, hour := BEGAN + 6 * 24 * HOUR_MS)
    for n in range(OF_AN_HOUR - 1):
        append(world, "counts", hour, f"{n}")
    for n in range(OF_A_TABLE - 1):
        append(world, "ledger", None, f"{n}")
    world.ms += MINUTE_MS
    assert optimised(world) == [f"counts_live {hour_name(hour)}" for hour in CLOSED]
    append(world, "counts", hour, "last")
    append(world, "ledger", None, "last")
    world.ms += MINUTE_MS
    assert set(optimised(world)) >= {f"counts {hour_name(hour)}", "ledger"}


def test_of_very_many_hours_the_oldest_come_first_and_the_rest_another_night(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = BEGAN - 400 * HOUR_MS
    for n in range(HOURS + 5):
        seal(world, first + n * HOUR_MS)
        for batch in range(OF_AN_HOUR):
            append(world, "counts_live", first + n * HOUR_MS, f"{n} {batch}")
    world.ms += MINUTE_MS
    assert optimised(world) == [f"counts_live {hour_name(first + n * HOUR_MS)}" for n in range(HOURS)]
    assert f"small files of counts_live: {HOURS} hours are put together at once" in reasons(list_of(world))
    found = list_of(world)

    def cut_off(tools: Any, app: Any, action: str, given: list[str], timeout_s: float) -> Any:
        name, _, its = given[-1].partition("=")
        delta.ops(world)(tools, app, action, [*given[:-1], f"{name}={','.join(its.split(',')[:7])}"], timeout_s)
        raise CutOff

    monkeypatch.setattr(together, "run", cut_off)
    with pytest.raises(CutOff):
        retire(world.tools, STREAM, USUAL, found.checksum)
    monkeypatch.setattr(together, "run", delta.ops(world))
    done = retire(world.tools, STREAM, USUAL, found.checksum)
    assert [item.what for item in done.found.items if not item.goes] == whats(found, "optimise")[7:]


def test_files_go_a_week_after_the_last_version_that_had_them(world: World) -> None:
    retire(world.tools, STREAM, USUAL, list_of(world).checksum)
    written, before = world.now_ms(), rows(world, "counts_live")
    world.hdfs.replace(f"{LIVE}/hour={OPEN}/of-nobody.parquet", b"its writer was cut off")
    world.ms = written + 168 * HOUR_MS
    assert whats(list_of(world), "vacuum") == []
    world.ms += 2 * MINUTE_MS
    [item] = [item for item in list_of(world).found.items if item.kind == "vacuum"]
    assert (item.what, item.files) == ("counts_live", 3 * BATCHES + 1)
    retire(world.tools, STREAM, USUAL, list_of(world).checksum)
    assert rows(world, "counts_live") == before
    left = [path for path in world.hdfs.data if path.startswith(f"{LIVE}/hour")]
    assert len(left) == 3 + 1 + BATCHES, "those of the fourth hour, which was put together only now"


@pytest.mark.parametrize("hours", [167, 1, 0, -168])
def test_nothing_asks_for_less_than_deltas_own_horizon(hours: int) -> None:
    with pytest.raises(BadUse, match=f"vacuum_hours = {hours}: expected 168"):
        Horizons(vacuum_hours=hours)


def test_a_list_of_files_stays_the_same_hours_later_and_while_the_stream_goes_on(world: World) -> None:
    retire(world.tools, STREAM, USUAL, list_of(world).checksum)
    removed = world.now_ms()
    world.hdfs.replace(f"{LIVE}/later.parquet", b"x")
    world.hdfs.times[f"{LIVE}/later.parquet"] = removed + HOUR_MS
    world.ms = removed + 168 * HOUR_MS + 5 * MINUTE_MS
    found = list_of(world)
    world.ms += 23 * HOUR_MS
    append(world, "counts_live", world.now_ms() - world.now_ms() % HOUR_MS, "now")
    assert whats(list_of(world), "vacuum") and list_of(world).found != found.found, "one more is old enough by now"
    assert retire(world.tools, STREAM, USUAL, found.checksum).found.items == found.found.items
    assert f"{LIVE}/later.parquet" in world.hdfs.data


def test_another_file_makes_another_list(world: World) -> None:
    retire(world.tools, STREAM, USUAL, list_of(world).checksum)
    world.ms += 200 * HOUR_MS
    found, before = list_of(world), dict(world.hdfs.data)
    world.hdfs.replace(f"{LIVE}/other.parquet", b"x")
    world.hdfs.times[f"{LIVE}/other.parquet"] = 0
    with pytest.raises(Refused, match="nothing was deleted"):
        retire(world.tools, STREAM, USUAL, found.checksum)
    assert {**before, f"{LIVE}/other.parquet": b"x"} == world.hdfs.data


def test_what_a_savepoint_has_is_there_after_both(monkeypatch: pytest.MonkeyPatch) -> None:
    world = of(monkeypatch, landed_days=0.25)
    savepoint.take(world.tools, STREAM, "mine")
    inside = {path: data for path, data in world.hdfs.data.items() if "/.snapshot/" in path}
    retire(world.tools, STREAM, USUAL, list_of(world).checksum)
    world.ms += 200 * HOUR_MS
    [item] = [item for item in list_of(world).found.items if item.kind == "vacuum"]
    assert item.why.endswith("; a savepoint holds the blocks of those it has")
    retire(world.tools, STREAM, USUAL, list_of(world).checksum)
    assert {path: data for path, data in world.hdfs.data.items() if "/.snapshot/" in path} == inside
    assert sum(f"{LIVE}/" in path.replace("/.snapshot/savepoint-mine", "") and path.endswith(".parquet")
               for path in inside) == 4 * BATCHES


def test_beside_a_seal_only_the_streams_own_table_is_touched(world: World) -> None:
    seals = world.rm.add(0, seal_tag(STREAM))
    retire(world.tools, STREAM, USUAL, list_of(world).checksum)
    seals.to_ms = world.ms
    for n in range(OF_A_TABLE):
        append(world, "ledger", None, f"{n}")
    world.ms += MINUTE_MS
    found, before = list_of(world), rows(world, "ledger")
    assert whats(found, "optimise") == ["ledger"]
    seals = world.rm.add(0, seal_tag(STREAM))
    with pytest.raises(HashtideError, match="seals hours of stream a"):
        retire(world.tools, STREAM, USUAL, found.checksum)
    assert "ledger" in optimised(world)
    seals.to_ms = world.ms
    retire(world.tools, STREAM, USUAL, found.checksum)
    assert rows(world, "ledger") == before and "ledger" not in optimised(world)


def test_where_anothers_commit_came_first_it_is_said_and_done_again(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list_of(world)
    monkeypatch.setattr(together, "run", lambda *given: {"counts_live": {"error": "ConcurrentException: x"}})
    with pytest.raises(HashtideError, match="table counts_live is as it was, do this again: Concurrent"):
        retire(world.tools, STREAM, USUAL, found.checksum)
    monkeypatch.setattr(together, "run", delta.ops(world))
    retire(world.tools, STREAM, USUAL, found.checksum)
    assert not optimised(world)


def test_where_tables_cannot_be_looked_at_all_else_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    world = of(monkeypatch, landed_days=DAYS)
    def nothing(*given: Any) -> Any:
        raise HashtideError("python3 says nothing of the tables: No module named 'deltalake'")

    monkeypatch.setattr(doing, "look_at_tables", nothing)
    found = list_of(world)
    assert whats(found, "archive") and not whats(found, "optimise")
    assert "table counts_live: python3 says nothing of the tables: No module named 'deltalake'" in reasons(found)


def state(world: World) -> tuple[list[str], set[str]]:
    """Rows, and which files there are, but for those that a run that was cut off has left."""
    live = {f"{part.hour}" for part in delta.look(world)(None, {"counts_live": LIVE}, 168)[0].live}
    return rows(world, "counts_live"), live


def prepared(monkeypatch: pytest.MonkeyPatch) -> World:
    """Something to vacuum, and something to put together."""
    made = of(monkeypatch)
    retire(made.tools, STREAM, USUAL, list_of(made).checksum)
    made.ms += 200 * HOUR_MS
    return made


def test_killed_anywhere_every_version_of_the_week_is_whole_and_the_next_run_comes_to_the_end(
        monkeypatch: pytest.MonkeyPatch) -> None:
    whole = prepared(monkeypatch)
    found, before = list_of(whole), rows(whole, "counts_live")
    assert whats(found, "vacuum") and whats(found, "optimise") == [f"counts_live {hour_name(OPEN)}"]
    tools, calls = cut(whole, 1 << 30, False)
    retire(tools, STREAM, USUAL, found.checksum)
    assert calls.calls > 3 * BATCHES
    for at in range(1, calls.calls + 1):
        for after in (False, True):
            for same_list in (True, False):
                world = prepared(monkeypatch)
                tools, _ = cut(world, at, after)
                with pytest.raises(CutOff):
                    retire(tools, STREAM, USUAL, found.checksum)
                where = f"killed {'after' if after else 'before'} change {at} of {calls.calls}, {same_list = }"
                for version in versions(world, "counts_live", world.now_ms() - 168 * HOUR_MS):
                    assert rows(world, "counts_live", version) == before, where
                retire(world.tools, STREAM, USUAL, found.checksum if same_list else list_of(world).checksum)
                assert state(world) == state(whole), where
                assert not list_of(world).found.items, where
