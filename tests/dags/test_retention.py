"""Retention in Airflow: it lists; it deletes after approval, or at night where that is wished: what was listed."""
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.operators import hitl
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskAwaitingInput

from deploy.airflow import outcome, retire_operator
from deploy.airflow.retire_operator import RetireOperator, lists
from deploy.checkpoints import savepoint
from deploy.errors import HashtideError, Unreachable
from deploy.retention import doing, together
from deploy.retention.horizons import RANGES, Horizons
from spark_apps.contract import HOUR_MS
from tests.fakes import delta
from tests.fakes.batches import PATHS, STREAM, Batches
from tests.fakes.retention import BEGAN, begin, days, landing

ROOT = Path(__file__).parents[2]


@pytest.fixture
def stream(world: Batches) -> Batches:
    """Nine days, of which two are past the horizon of landing."""
    world.provision()
    begin(world)
    days(world, 9)
    return world


class Run:
    """The two tasks of one run."""

    def __init__(self, ti: Any, patch: Any, by_hand: bool = True, variable: str = "", **params: Any) -> None:
        self.asked: list[dict[str, Any]] = []
        ti.id = "id"
        self.ti, run_type = ti, "manual" if by_hand else "scheduled"
        self.context = {"ti": ti, "task_instance": ti, "params": {"execute": False, **vars(Horizons()), **params},
                        "dag_run": SimpleNamespace(conf=params if by_hand else {}, run_type=run_type)}
        patch.setattr(hitl, "upsert_hitl_detail", lambda **said: self.asked.append(said))
        patch.setattr(retire_operator, "Variable", SimpleNamespace(get=lambda key, default: variable or default))

    def lists(self) -> list[dict[str, str]]:
        return lists(self.context)

    def retire(self, wanted: dict[str, str]) -> Any:
        return RetireOperator(task_id="retire", **wanted).execute(self.context)

    def answer(self, wanted: dict[str, str], option: str) -> None:
        from datetime import datetime, timezone

        RetireOperator(task_id="retire", **wanted).execute_complete(self.context, {
            "chosen_options": [option], "params_input": {}, "responded_at": datetime.now(timezone.utc),
            "responded_by_user": {"id": "1", "name": "ada"}, "timedout": False})


@pytest.fixture
def run(stream: Batches, ti: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda **given: Run(ti("hashtag_retention"), monkeypatch, **given)


def test_by_itself_it_only_lists(stream: Batches, run: Any) -> None:
    before = dict(stream.hdfs.data)
    for by_hand in (True, False):
        made = run(by_hand=by_hand)
        assert made.lists() == []
        assert made.ti.pushed["lists"][STREAM].startswith("48 things, 48 files, 5.8 MB, ")
    assert stream.hdfs.data == before


def test_by_hand_it_asks_with_the_list_and_deletes_when_approved(stream: Batches, run: Any) -> None:
    made = run(execute=True, stream=STREAM)
    [wanted] = made.lists()
    with pytest.raises(TaskAwaitingInput):
        made.retire(wanted)
    [asked] = made.asked
    assert asked["subject"] == "Stream a: delete what is past its time"
    assert "48 things, 48 files, 5.8 MB may go" in asked["body"] and PATHS.landing in asked["body"]
    assert len(landing(stream)) == 9 * 24
    made.answer(wanted, "Approve")
    assert len(landing(stream)) == 7 * 24
    record = stream.hdfs.read_json(f"{PATHS.control}/retired/{wanted['checksum']}.json") or {}
    assert record["who"] == "hashtag_retention/run1, approved by ada"


def test_what_is_put_together_is_on_the_list_that_is_approved(
        stream: Batches, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doing, "look_at_tables", delta.look(stream))
    monkeypatch.setattr(together, "run", delta.ops(stream))
    for n in range(12):
        delta.append(stream, "counts_live", BEGAN + 100 * HOUR_MS, f"{n}")
    stream.ms += HOUR_MS
    made = run(execute=True, stream=STREAM)
    [wanted] = made.lists()
    assert "; put together: 12 small files to 1, " in made.ti.pushed["lists"][STREAM]
    with pytest.raises(TaskAwaitingInput):
        made.retire(wanted)
    assert ", and 12 small files to 1 be put together" in made.asked[0]["body"]
    made.answer(wanted, "Approve")
    assert delta.rows(stream, "counts_live") == sorted(str(n) for n in range(12))
    [table] = delta.look(stream)(None, {"counts_live": PATHS.table("counts_live")}, 168)
    assert len(table.live) == 1
    assert made.lists() == []


def test_where_no_python_here_has_the_package_all_else_is_listed(stream: Batches, run: Any) -> None:
    delta.append(stream, "counts_live", BEGAN, "a")
    made = run()
    made.lists()
    assert made.ti.pushed["lists"][STREAM].startswith("48 things, 48 files, 5.8 MB, ")


def test_rejected_it_deletes_nothing_and_says_so(stream: Batches, run: Any) -> None:
    made = run(execute=True)
    [wanted] = made.lists()
    with pytest.raises(AirflowSkipException, match="rejected by ada; nothing was deleted"):
        made.answer(wanted, "Reject")
    assert made.ti.pushed[outcome.KEY]["what"] == "rejected"
    assert len(landing(stream)) == 9 * 24


def test_at_night_it_deletes_where_the_variable_says_so_and_nobody_is_asked(stream: Batches, run: Any) -> None:
    assert run(by_hand=False, variable="yes").lists() == []
    made = run(by_hand=False, variable="execute")
    [wanted] = made.lists()
    made.retire(wanted)
    assert not made.asked and len(landing(stream)) == 7 * 24


def test_a_run_by_hand_does_not_go_by_the_variable(stream: Batches, run: Any) -> None:
    assert run(variable="execute").lists() == []


def test_where_the_list_has_changed_by_the_approval_nothing_goes(stream: Batches, run: Any) -> None:
    made = run(execute=True)
    [wanted] = made.lists()
    stream.hdfs.delete(f"{PATHS.progress}/seal", recursive=True)
    with pytest.raises(AirflowFailException, match="nothing was deleted.*Trigger hashtag_retention again"):
        made.answer(wanted, "Approve")
    assert len(landing(stream)) == 9 * 24


def test_hdfs_away_is_tried_again_and_goes_on(stream: Batches, run: Any) -> None:
    made, delete = run(by_hand=False, variable="execute"), stream.hdfs.delete
    [wanted] = made.lists()
    left = [10]

    def failing(path: str, recursive: bool = False) -> bool:
        left[0] -= 1
        if left[0] < 0:
            raise Unreachable("HDFS does not answer")
        return delete(path, recursive)

    stream.hdfs.delete = failing  # type: ignore[method-assign]
    with pytest.raises(Unreachable):
        made.retire(wanted)
    assert 7 * 24 < len(landing(stream)) < 9 * 24
    stream.hdfs.delete = delete  # type: ignore[method-assign]
    made.retire(wanted)
    assert len(landing(stream)) == 7 * 24


def test_what_was_approved_and_begun_is_not_asked_for_again(stream: Batches, run: Any) -> None:
    made = run(execute=True)
    [wanted] = made.lists()
    seals = stream.rm.add(0, "hashtide-seal-a")
    with pytest.raises(HashtideError, match="nothing was deleted: do this again"):
        made.answer(wanted, "Approve")
    seals.to_ms = stream.ms
    made.retire(wanted)
    assert not made.asked and len(landing(stream)) == 7 * 24


def test_a_list_that_has_changed_is_not_shown_for_approval(stream: Batches, run: Any) -> None:
    made = run(execute=True)
    [wanted] = made.lists()
    stream.hdfs.delete(f"{PATHS.progress}/seal", recursive=True)
    with pytest.raises(AirflowFailException, match="nothing was deleted"):
        made.retire(wanted)
    assert not made.asked


def test_the_forms_horizons_are_used_and_its_floors_are_those_of_the_code(stream: Batches, run: Any) -> None:
    savepoint.take(stream.tools, STREAM, "mine")
    [wanted] = run(by_hand=True, execute=True, landing_hours=48).lists()
    assert wanted["checksum"] != run(execute=True).lists()[0]["checksum"]
    with pytest.raises(AirflowFailException, match="landing_hours = 47: expected 48"):
        run(landing_hours=47).lists()
    from airflow.dag_processing.dagbag import DagBag

    params = DagBag(ROOT / "dags").dags["hashtag_retention"].params
    assert {name: (params.get_param(name).schema["minimum"], params.get_param(name).schema["maximum"])
            for name in RANGES} == RANGES


def test_a_stream_that_there_is_not_fails_in_one_line(stream: Batches, run: Any) -> None:
    with pytest.raises(AirflowFailException, match="no stream nowhere"):
        run(stream="nowhere").lists()


@pytest.mark.usefixtures("database")
def test_a_whole_run_lists_and_skips_the_rest(stream: Batches) -> None:
    from airflow.dag_processing.dagbag import DagBag

    done = DagBag(ROOT / "dags").dags["hashtag_retention"].test()
    assert {ti.task_id: str(ti.state) for ti in done.get_task_instances()} == {"lists": "success", "retire": "skipped"}
    assert str(done.state) == "success" and len(landing(stream)) == 9 * 24
