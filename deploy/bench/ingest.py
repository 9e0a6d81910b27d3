"""The ingest service under load: simulator, service and WebHDFS are processes of their own, looked at from outside."""
from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests

from deploy.errors import BadUse, HashtideError, TimedOut

ROOT = Path(__file__).parents[2]
#: So many different tweets are sent in turn, with ids of their own.
_PREPARED = 20_000
_SAMPLE_S = 1.0
_LANDED_WITHIN_S = 300.0
_TOKEN = "token-of-the-bench"   # noqa: S105

Say = Callable[[str], None]


@dataclass(frozen=True)
class Load:
    """Tweets a second, of the burst in the middle too; `burst_s` 0: none."""

    rate: int
    seconds: int
    burst_rate: int = 0
    burst_s: int = 0
    seed: int = 1


@dataclass
class Outcome:
    """Samples of each second; then what was sent and what landed, as (lines, checksum in any order)."""

    load: Load
    samples: list[dict[str, Any]] = field(default_factory=list)
    sent: tuple[int, int] = (0, 0)
    landed: tuple[int, int] = (0, 0)
    connects: int = 0
    drained_s: float = 0.0


def run(load: Load, place: Path, say: Say) -> Outcome:
    """HashtideError where a process ends too soon, TimedOut where not all has landed in five minutes after the end."""
    if not (ROOT / "tests" / "fakes" / "webhdfs_on_disk.py").exists():
        raise BadUse(f"{ROOT} has no tests/fakes: run it from a checkout of the repository")
    for name in ("x", "hdfs", "spool"):
        (place / name).mkdir()
    outcome = Outcome(load)
    with ExitStack() as stack:
        simulator, hdfs = (stack.enter_context(process(place, name, words)) for name, words in (
            ("simulator", ["deploy.local.simulator", "--port", "0", "--rate", str(load.rate), "--seed", str(load.seed),
                           "--duration-s", str(load.seconds), "--prepared", str(_PREPARED), "--dir", str(place / "x")]),
            ("hdfs", ["tests.fakes.webhdfs_on_disk", str(place / "hdfs")])))
        url, webhdfs = said_address(simulator, place / "simulator.out"), said_address(hdfs, place / "hdfs.out")
        ingest = stack.enter_context(process(place, "ingest", [
            "spark_apps.ingest", "run", "--stream", "bench", "--webhdfs", webhdfs, "--user", "bench", "--spool",
            str(place / "spool"), "--source", "simulator", "--url", url]))
        watch(outcome, url, place, {"simulator": simulator, "ingest": ingest, "hdfs": hdfs}, say)
    outcome.sent = total(place.glob("x/ledger-*.jsonl"), of_ledger)
    outcome.landed = total(landed(place / "hdfs"), bytes)
    return outcome


@contextmanager
def process(place: Path, name: str, words: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "X_BEARER_TOKEN": _TOKEN}
    with (place / f"{name}.out").open("wb") as out:
        child = subprocess.Popen([sys.executable, "-P", "-m", *words], env=environment, stdin=subprocess.DEVNULL,
                                 stdout=out, stderr=subprocess.STDOUT)
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(60)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def said_address(child: subprocess.Popen[bytes], out: Path, within_s: float = 60.0) -> str:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = [word.rstrip(",") for word in out.read_text().split() if word.startswith("http://")]
        if found and out.read_text().endswith("\n"):
            return found[0]
        if child.poll() is not None:
            raise HashtideError(f"{out.stem} ended before it was there: {out.read_text().strip()[-300:]}")
        time.sleep(0.05)
    raise TimedOut(f"waited {within_s:.0f} s for the address of {out.stem}")


def watch(outcome: Outcome, url: str, place: Path, processes: dict[str, subprocess.Popen[bytes]], say: Say) -> None:
    """A sample a second until all that was sent has landed."""
    load, known = outcome.load, {name: psutil.Process(child.pid) for name, child in processes.items()}
    began, burst_at, ended_at = time.monotonic(), (load.seconds - load.burst_s) / 2, 0.0
    burst = load.burst_s > 0
    while True:
        for name, child in processes.items():
            if child.poll() is not None:
                last = (place / f"{name}.out").read_text().strip().rpartition("\n")[2]
                raise HashtideError(f"{name} ended in the middle: {last[:300]}")
        at_s, state, status = time.monotonic() - began, asked(url), said(place / "spool" / "status.json")
        outcome.samples.append(sample(at_s, state, status, known))
        outcome.connects = status.get("connects", 0)
        if burst and at_s >= burst_at:
            burst = False
            begin_burst(url, load)
        if state["done"]:
            ended_at = ended_at or at_s
            if outcome.samples[-1]["received"] >= state["sent"] and not status.get("backlog_bytes"):
                outcome.drained_s = at_s - ended_at
                return
            if at_s - ended_at > _LANDED_WITHIN_S:
                raise TimedOut(f"{_LANDED_WITHIN_S:.0f} s after the end {status.get('received', 0):,} of "
                               f"{state['sent']:,} are received, {status.get('backlog_bytes', 0):,} bytes wait")
        if len(outcome.samples) % 30 == 0:
            say(f"{at_s:.0f} s: {state['sent']:,} sent, {outcome.samples[-1]['received']:,} received, "
                f"{outcome.samples[-1]['ingest_mb']:.0f} MB")
        time.sleep(_SAMPLE_S)


def asked(url: str) -> dict[str, Any]:
    with requests.Session() as session:
        session.trust_env = False
        return dict(session.get(f"{url}/health", timeout=30).json())


def begin_burst(url: str, load: Load) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.post(f"{url}/simulator/faults", timeout=30, headers={"Authorization": f"Bearer {_TOKEN}"}, json={
            "fault": "burst", "duration_s": load.burst_s, "factor": load.burst_rate / load.rate}).raise_for_status()


def said(status: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(status.read_text()))
    except (OSError, ValueError):
        return {}


def sample(at_s: float, state: dict[str, Any], status: dict[str, Any],
           known: dict[str, psutil.Process]) -> dict[str, Any]:
    """Processor seconds since the start of each process; of ingest its memory, what waits in it, and how far behind the
    mark in HDFS is."""
    through = status.get("through_ms")
    found = {"at_s": round(at_s, 2), "sent": state["sent"], "received": status.get("received", 0),
             "queue": status.get("queue", 0), "spool_mb": round((status.get("backlog_bytes") or 0) / 2**20, 1),
             "behind_s": round((state["now_ms"] - through) / 1000, 1) if through else None,
             "ingest_mb": round(known["ingest"].memory_info().rss / 2**20, 1)}
    for name, one in known.items():
        times = one.cpu_times()
        found[f"{name}_cpu_s"] = round(times.user + times.system, 2)
    return found


def landed(directory: Path) -> list[Path]:
    """Files of landing, without those that are no lines of it."""
    names = (line.split(" ", 1) for line in (directory / "names").read_text().splitlines())
    return [directory / number for number, name in names if name.endswith(".jsonl") and "/_" not in name]


def of_ledger(line: bytes) -> bytes:
    return line.partition(b',"record":')[2].removesuffix(b"}\n") + b"\n"


def total(paths: Iterator[Path] | list[Path], record: Callable[[bytes], bytes]) -> tuple[int, int]:
    lines = check = 0
    for path in paths:
        with path.open("rb") as file:
            for line in file:
                lines += 1
                check += int.from_bytes(hashlib.blake2b(record(line), digest_size=8).digest())
    return lines, check % 2**64
