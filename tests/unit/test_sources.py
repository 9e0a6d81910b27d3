"""What ingest says of itself, as a person sees it beneath the health of a stream."""
from __future__ import annotations

import json

import pytest

from deploy import cli, sources
from deploy.errors import Unreachable
from deploy.verbs import stream
from deploy.verbs.common import now_ms
from spark_apps.contract import HOUR_MS
from tests.fakes.world import CLUSTER, PATHS, World

T = 1_764_070_200_000


def world(at_ms: int = T) -> World:
    made = World()
    made.hdfs.mkdirs(PATHS.throughs)
    for source, mark in {"x": {"through_ms": at_ms, "alarm": "0 posts\x1b[2J came"}, "y": {"through_ms": at_ms - 5},
                         "gone": {"through_ms": at_ms - 30 * HOUR_MS, "alarm": "old"}}.items():
        made.hdfs.write_json(f"{PATHS.throughs}/{source}.json", mark)
    return made


def test_sources_in_service_say_how_far_they_are_and_their_alarm() -> None:
    found = sources.read(world().hdfs, PATHS, T)
    assert [(one["source"], one["through_ms"], bool(one["alarm"])) for one in found] == [
        ("x", T, True), ("y", T - 5, False)]
    assert sources.text(found).splitlines()[1:] == [
        "  source       x: landed through 2025-11-25T11:30:00Z", "  alarm        x: 0 posts\x1b[2J came",
        "  source       y: landed through 2025-11-25T11:29:59Z"]


def test_where_hdfs_is_away_they_say_nothing() -> None:
    class Away:
        def list(self, path: str) -> list[str]:
            raise Unreachable("HDFS does not answer")

        def read_json(self, path: str) -> None: ...

    assert sources.read(Away(), PATHS, T) == []
    assert sources.text([]) == ""


def test_stream_status_shows_the_alarm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    made = world(now_ms())
    monkeypatch.setattr(stream, "open_cluster", lambda args: (CLUSTER, made.hdfs))
    monkeypatch.setattr(stream, "tools_of", lambda cluster, files: made.tools)
    cli.main(["stream", "status", "--stream", "a"])
    assert "  alarm        x: 0 posts" in (out := capsys.readouterr().out) and "\x1b" not in out
    cli.main(["stream", "status", "--stream", "a", "--json"])
    assert [one["source"] for one in json.loads(capsys.readouterr().out)["sources"]] == ["x", "y"]
