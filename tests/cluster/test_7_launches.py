"""Launches that are killed on the way, and a release that cannot work."""
from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from deploy import artifact, desired
from spark_apps.contract import LandingFile, StreamPaths
from tests.cluster.laptop import ROOT, Laptop, Said
from tests.cluster.trials import TIMEOUT, trials
from tests.cluster.waiting import until
from tests.spark.landing import snowflake, v2

Figure = Callable[[str], None]
pytestmark = TIMEOUT


def test_submit_killed(machine: Laptop, up: Said, figure: Figure) -> None:
    """Whatever a launch had done when it was killed, the next one finds or makes the stream's one driver."""
    stream = "cut"
    assert machine.hashtide("stream", "provision", "--stream", stream).code == 0
    calls = cut_off(machine, stream, 0)
    with trials("submit_killed", figure) as done:
        # From the last step to the first: the later ones leave most behind.
        for n in done.times:
            end_all(machine, stream)
            cut_off(machine, stream, calls - n * calls // len(done.times))
            began = time.monotonic()
            launched = machine.hashtide("stream", "submit", "--no-airflow", "--stream", stream, timeout=700)
            assert launched.code == 0, launched.text
            done.add(time.monotonic() - began)
            until(lambda: not submits(stream), 240, "the end of every spark-submit", 1.0)
            live = machine.tools().live(stream)
            assert len(live) == 1, [app.id for app in live]
            assert live[0].id in launched.out
        end_all(machine, stream)


def cut_off(machine: Laptop, stream: str, at: int) -> int:
    python = machine.instance.python("spark")
    command = [str(python), "-P", "-m", "tests.cluster.cut_off", str(machine.instance.ini), stream, str(at)]
    done = subprocess.run(command, env=machine.instance.environment(), capture_output=True, text=True, check=False,
                          timeout=300)
    assert done.returncode == (-signal.SIGKILL if at else 0), done.stderr
    return int(done.stdout) if at == 0 else at


def submits(stream: str) -> list[int]:
    return [p.pid for p in psutil.process_iter(["cmdline"])
            if any(f"hashtide {stream} e" in word for word in p.info["cmdline"] or [])]


def end_all(machine: Laptop, stream: str) -> None:
    said = machine.hashtide("stream", "kill", "--stream", stream, "--yes")
    assert said.code == 0 or "no live application" in said.text, said.text


def test_every_batch_fails(machine: Laptop, up: Said, figure: Figure, tmp_path: Path) -> None:
    """Parked after the third time, with the exception where an operator looks."""
    stream, said = "broken", "on every batch"
    paths, hdfs = StreamPaths(stream), machine.hdfs
    assert machine.hashtide("stream", "provision", "--stream", stream).code == 0
    now = time.time_ns() // 1_000_000
    landed = LandingFile(now, now, "drill", "a").name
    hdfs.replace(f"{paths.landing_hour(now)}/{landed}", v2(id=snowflake(now, 1)) + b"\n")
    with trials("every_batch_fails", figure) as done:
        began = time.monotonic()
        run_id = machine.airflow.trigger("hashtag_stream", {"stream": stream, "release": release_that_fails(
            machine, tmp_path, said)})
        assert machine.await_run("hashtag_stream", run_id, 500)["state"] == "failed"
        done.add(time.monotonic() - began)
    parked = desired.read(hdfs, paths)
    assert parked["state"] == "parked"
    assert "3 times with the same error" in parked["why"]
    assert said in parked["why"]
    # Three attempts of one application: neither YARN nor the policy tries a fourth.
    assert (hdfs.read_json(paths.result(1)) or {})["tries"] == 3
    assert len(hdfs.list(paths.restarts)) == 1
    assert said in machine.airflow.log("hashtag_stream", run_id, "hold")
    status = machine.hashtide("stream", "status", "--stream", stream)
    assert status.code == 1
    assert said in status.out


def release_that_fails(machine: Laptop, tmp_path: Path, said: str) -> str:
    source = tmp_path / "source"
    shutil.copytree(ROOT / "spark_apps", source / "spark_apps")
    shutil.copy(ROOT / "setup.cfg", source)
    sinks = source / "spark_apps" / "sinks.py"
    commit = "    def commit(self, counted: DataFrame, batch_id: int) -> None:\n"
    assert commit in sinks.read_text()
    sinks.write_text(sinks.read_text().replace(commit, f"{commit}        raise ValueError({said!r})\n"))
    return artifact.publish(machine.hdfs, machine.cluster.root, source).version
