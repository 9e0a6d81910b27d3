"""The load on ingest: a short one with all its processes, and what is said of samples."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy import cli, config
from deploy.bench import ingest, ingest_report
from deploy.bench.ingest import Load, Outcome
from deploy.errors import HashtideError
from deploy.local.simulator.generator import Generator
from deploy.local.simulator.prepared import prepared

T = 1_764_070_200_000
LOAD = Load(1_000, 300, 10_000, 30)


def test_a_short_load_loses_nothing_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(config, "home", lambda: tmp_path)
    words = "--rate 200 --seconds 8 --burst-rate 1000 --burst-seconds 3 --most 0 --json"
    assert cli.main(["bench", "ingest", *words.split()]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["aims"]["nothing lost"] and found["sent"] == found["landed"] > 200 * 8
    assert found["connects"] == 1
    assert 0 < found["memory"]["most_mb"] < 300
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_ends_is_said_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "hdfs").write_text("in the way")
    with pytest.raises(FileExistsError):
        ingest.run(Load(10, 1), tmp_path, lambda text: None)
    wrong = ["deploy.local.simulator", "--rate", "-1", "--dir", "x"]
    with ingest.process(tmp_path, "x", wrong) as child, pytest.raises(HashtideError, match="there: simulator: --rate"):
        ingest.said_address(child, tmp_path / "x.out")


def test_a_total_does_not_depend_on_the_order_and_tells_what_is_missing_or_another(tmp_path: Path) -> None:
    for name, text in {"a": "1\n2\n", "b": "3\n", "c": "3\n2\n1\n", "d": "1\n2\n", "e": "1\n1\n3\n"}.items():
        (tmp_path / name).write_text(text)
    whole = ingest.total([tmp_path / "a", tmp_path / "b"], bytes)
    assert ingest.total([tmp_path / "c"], bytes) == whole
    assert ingest.total([tmp_path / "d"], bytes)[0] == 2
    assert ingest.total([tmp_path / "e"], bytes) != whole
    (tmp_path / "ledger").write_text('{"sent_ms":1,"record":1}\n{"sent_ms":1,"record":3}\n{"sent_ms":1,"record":2}\n')
    assert ingest.total([tmp_path / "ledger"], ingest.of_ledger) == whole


def samples(load: Load, burst_share: float = 1.0, grows_mb: float = 0.0) -> list[dict[str, Any]]:
    found, received, ingest_cpu = list[dict[str, Any]](), 0.0, 0.0
    for at in range(load.seconds + 3):
        burst = load.burst_s and (load.seconds - load.burst_s) / 2 <= at < (load.seconds + load.burst_s) / 2
        found.append({"at_s": float(at), "sent": int(received), "received": int(received), "queue": 900 if burst else 3,
                      "spool_mb": 2.0, "behind_s": 5.0, "ingest_mb": 50 + grows_mb * at / load.seconds,
                      "simulator_cpu_s": at * 0.5, "ingest_cpu_s": ingest_cpu, "hdfs_cpu_s": 0.0})
        received += load.burst_rate * burst_share if burst else load.rate
        ingest_cpu += 0.9 if burst else 0.1
    return found


@pytest.mark.parametrize(("outcome", "missed"), [
    (Outcome(LOAD, samples(LOAD), (9, 1), (9, 1)), []),
    (Outcome(LOAD, samples(LOAD), (9, 1), (8, 1)), ["nothing lost"]),
    (Outcome(LOAD, samples(LOAD), (9, 1), (9, 2)), ["nothing lost"]),
    (Outcome(LOAD, samples(LOAD)), ["nothing lost"]),
    (Outcome(LOAD, samples(LOAD, grows_mb=20), (9, 1), (9, 1)), ["memory flat"]),
    (Outcome(LOAD, samples(LOAD, burst_share=0.9), (9, 1), (9, 1)), ["kept up in the burst"]),
])
def test_aims_that_are_missed(outcome: Outcome, missed: list[str]) -> None:
    found = ingest_report.report(outcome)
    assert [name for name, met in found["aims"].items() if met is False] == missed
    assert ingest_report.missed(found, None) == bool(missed)
    assert found["tweets_per_s"] == 1_000 and found["most_queue"] == 900
    assert found["cpu"] == {"simulator": 0.5, "ingest": 0.9, "hdfs": 0.0}
    assert f"nothing lost: {'NO' if 'nothing lost' in missed else 'yes'}" in ingest_report.text(found, None)


def test_what_limits_the_most_is_the_busiest_process(tmp_path: Path) -> None:
    most = Load(100_000, 30)
    found = ingest_report.report(Outcome(most, samples(Load(20_000, 30)), (9, 1), (9, 1)))
    assert found["tweets_per_s"] == 20_000
    assert "no process by itself" in ingest_report.limit(found, 100_000)
    assert "nothing yet" in ingest_report.limit(found, 20_000)
    found["cpu"] = {"simulator": 0.97, "ingest": 0.4, "hdfs": 0.1}
    assert ingest_report.limit(found, 100_000) == "the core of simulator, of which it uses 97%"
    found["cpu"] = {"simulator": 0.8, "ingest": 0.7, "hdfs": 0.4}
    assert "two cores shared by all three" in ingest_report.limit(found, 100_000)


def test_prepared_tweets_come_in_turn_with_ids_and_times_of_their_own() -> None:
    source = prepared(Generator(3), 50, T)
    found = [json.loads(source.next(T + 60_000 + n)) for n in range(120)]
    assert len({record["data"]["id"] for record in found}) == 120
    assert len({record["data"].get("text") for record in found}) <= 50
    for n, record in enumerate(found):
        data = record["data"]
        assert (int(data["id"]) >> 22) + 1_288_834_974_657 == T + 60_000 + n
        assert data["created_at"].endswith(f"{(T + 60_000 + n) % 1000:03d}Z")
        history = data.get("edit_history_tweet_ids") or data["edit_history_post_ids"]
        assert history == [data["id"]]
