"""The stream of the lab as its tests see it: asked on the host that submits, compared with the simulator's ledger."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import Any

from tests.ansible.conftest import ROOT
from tests.ansible.lab import ADDRESSES, HOME, INSIDE, SSH, on, ssh, until

#: As deploy.tables has them: (minute in ms since 1970, tag, form) and its measures.
Counts = dict[tuple[int, str, str], tuple[int, ...]]

HOST = "node3"
LAYERED = ("-i", "inventories/lab_application")
KERBEROS = (*LAYERED, "-i", "inventories/lab_kerberos")
LEDGER = HOME / "lab/simulator"
#: The oracle needs libraries of the other environment.
_SENT = """
import json, sys
from tests import oracle
found = oracle.counts(oracle.Line(record, at) for at, record in oracle.records_of_ledger(sys.argv[1]))
print(json.dumps([[*key, *row] for key, row in found.items()]))
"""
_ASKED = """
import json, sys, time
from deploy import config, hdfs
from deploy.errors import Unreachable
from deploy.tables import Tables
from spark_apps.contract import HOUR_MS, StreamPaths
cluster = config.load("/etc/hashtide/cluster.ini")
files, paths = hdfs.Client(cluster), StreamPaths("hashtags", cluster.root)
"""
_COUNTS = """
now = time.time_ns() // 1_000_000
found = Tables(cluster, "hashtags", files).counts(now - 24 * HOUR_MS, now + HOUR_MS)
print(json.dumps([[*key, *row] for key, row in found.items()]))
"""
#: While no NameNode is active, nobody can tell.
_COMMITS = """
try:
    found = [json.loads(line) for name in files.list(paths.batches)
             for line in (files.read(f"{paths.batches}/{name}") or b"").splitlines()]
except Unreachable:
    sys.exit(print("[]"))
print(json.dumps(sorted(batch["commit_ms"] for batch in found)))
"""


def hashtide(words: str) -> str:
    """Of an operator on that host."""
    return ssh(HOST, f"sudo -u hashtide hashtide {words}")


def asked(script: str) -> Any:
    """What a script prints in JSON, which has the host's cluster file, its HDFS and the stream's paths."""
    command = ("sudo -u hashtide sh -c 'eval \"$(grep ^export /usr/local/bin/hashtide)\"; "
               "exec /opt/hashtide/spark/bin/python -P -'")
    done = subprocess.run([*INSIDE, *SSH, f"root@{ADDRESSES[HOST]}", command], input=_ASKED + script, check=False,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def counted() -> Counts:
    return rows(asked(_COUNTS))


def rows(found: list[Any]) -> Counts:
    return {(minute, tag, form): tuple(row) for minute, tag, form, *row in found}


def sent() -> Counts:
    """All that the simulator has sent, worked out in plain Python."""
    python = str(HOME / "envs/spark/bin/python")
    done = subprocess.run([python, "-P", "-c", _SENT, str(LEDGER)], check=True, timeout=300,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, env={"PYTHONPATH": str(ROOT)})
    return rows(json.loads(done.stdout))


def differing(seconds: float = 300) -> tuple[str, list[Any]]:
    """What was compared, and the rows that still differ from what was sent when time is up: (key, counted, sent)."""
    expected, end = sent(), time.monotonic() + seconds
    while (found := counted()) != expected and time.monotonic() < end:
        time.sleep(3)
    rows = [(key, found.get(key), expected.get(key)) for key in sorted({*found, *expected})
            if found.get(key) != expected.get(key)]
    tweets = sum(row[0] for key, row in expected.items() if not key[1])
    return f"{tweets} tweets, {len(expected)} rows, {len(commits())} batches, differing: {len(rows)}", rows


def end_sending() -> None:
    """The simulator ends; what it has sent is then all received."""
    pid = int(json.loads((HOME / "lab/run/simulator.json").read_text())["pid"])
    os.kill(pid, signal.SIGTERM)
    until(lambda: ended(pid), 30, "the simulator's end")


def ended(pid: int) -> bool:
    try:
        return " Z " in open(f"/proc/{pid}/stat").read()
    except FileNotFoundError:
        return True


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def commits() -> list[int]:
    """When batches were committed (ms since 1970), in order; none where HDFS does not answer."""
    found: list[int] = asked(_COMMITS)
    return found


def await_commit(after_ms: int, seconds: float = 240) -> list[int]:
    """All commits, once one is later than this instant."""
    def found() -> list[int]:
        made = commits()
        return made if made and made[-1] > after_ms else []
    made: list[int] = until(found, seconds, f"a commit later than {after_ms}")
    return made


def longest_gap(made: list[int], from_ms: int, to_ms: int) -> float:
    """Seconds between two commits, at most, of which the later is after `from_ms` and the earlier before `to_ms`."""
    pairs = [(one, other) for one, other in zip(made, made[1:], strict=False) if other > from_ms and one < to_ms]
    assert pairs, "no two commits around the trial"
    return max(other - one for one, other in pairs) / 1000


def drivers() -> list[str]:
    """Applications of the stream that run, by either ResourceManager."""
    found = next((answer for host in ("node1", "node2") if (answer := on(
        host, "8088/ws/v1/cluster/apps?states=RUNNING&applicationTypes=SPARK"))), None)
    return [str(app["id"]) for app in ((found or {}).get("apps") or {}).get("app", ())]
