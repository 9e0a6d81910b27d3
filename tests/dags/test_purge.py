"""hashtag_purge: at night it does what the stream has said, by hand it lists unless it is told to do; it fails only
where something has waited too long."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from deploy.airflow import purging
from deploy.purging.doing import Stream
from spark_apps.contract import HOUR_MS, hour_name
from tests.fakes.files import Files
from tests.fakes.purging import GONE, HIDDEN, IDS, PATHS, TEN, TWELVE, Table, a_stream, everything, filled


class Night:
    """`sealed`: hours; `now_ms` when the task runs."""

    def __init__(self, patch: pytest.MonkeyPatch, *sealed: int, now_ms: int = TWELVE) -> None:
        self.hdfs, self.table, self.now_ms = filled(), Table(*sealed), now_ms
        patch.setattr(purging.doing, "stream_of", self.stream)
        patch.setattr(purging.tools, "launcher", lambda **given: None)
        patch.setattr(purging, "asker", lambda context: "a test")

    def stream(self, *_: Any) -> Stream:
        made = a_stream(self.hdfs, self.table)
        return Stream(made.hdfs, made.paths, made.sealed, made.seal, lambda: self.now_ms, made.say)

    def run(self, by_hand: bool = False, **params: Any) -> dict[str, Any]:
        context = {"params": {"ids": "", "hours": 48, "execute": False, **params},
                   "dag_run": SimpleNamespace(conf={}, run_type="manual" if by_hand else "scheduled")}
        return purging.purge(PATHS.stream, context)


def left(hdfs: Files) -> bool:
    return HIDDEN.encode() in everything(hdfs)


def test_at_night_what_the_stream_said_is_withdrawn_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    night = Night(monkeypatch, TEN, TEN + HOUR_MS)
    done = night.run()
    # The withheld one has no message in this landing: only a list tells of it.
    assert (done["ids"], done["lines"]) == (1, 5) and left(night.hdfs)
    assert night.run(by_hand=True, ids=" ".join(IDS - {GONE}), execute=True)["lines"] == 1 and not left(night.hdfs)


def test_by_hand_it_only_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    night = Night(monkeypatch, TEN, TEN + HOUR_MS)
    before = dict(night.hdfs.data)
    assert night.run(by_hand=True, ids="\n".join(IDS))["lines"] == 6
    assert night.hdfs.data == before and not night.table.sealed


def test_it_fails_where_an_hour_has_not_been_sealed_for_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Night(monkeypatch, TEN).run()["left"] != []
    with pytest.raises(AirflowFailException, match=f"{hour_name(TEN + HOUR_MS)} to be sealed"):
        Night(monkeypatch, TEN, now_ms=TEN + 26 * HOUR_MS).run()
