"""Where the tweets of the local cluster come from: the simulator and the ingest service of a stream."""
from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import requests

from deploy import config, hdfs, provision
from deploy.errors import HashtideError
from deploy.local.instance import Instance
from deploy.local.processes import Record
from deploy.local.service import Service


def services(instance: Instance, stream: str, *, source: str = "simulator", rate: int = 50,
             rules: Sequence[str] = (), clock_offset_ms: int = 0, seed: int = 1,
             options: Sequence[str] = (), faults: Path | None = None) -> list[Service]:
    """`source` is simulator, or x: then X_BEARER_TOKEN of the caller's environment goes on to ingest's; `options`:
    further ones of ingest; `faults`: the simulator's script."""
    simulated = source == "simulator"
    found = [simulator(instance, rate=rate, clock_offset_ms=clock_offset_ms, seed=seed,
                       faults=faults)] if simulated else []
    return [*found, ingest(instance, stream, source=source, rules=rules, clock_offset_ms=clock_offset_ms,
                           options=options)]


def simulator(instance: Instance, *, rate: int, clock_offset_ms: int = 0, seed: int = 1,
              faults: Path | None = None) -> Service:
    url = instance.url("simulator")
    argv = [sys.executable, "-m", "deploy.local.simulator", "--port", str(instance.ports.simulator),
            "--rate", str(rate), "--seed", str(seed), "--clock-offset-ms", str(clock_offset_ms),
            "--dir", str(ledger(instance)), "--token-file", str(token_file(instance)),
            # Streams side by side each have an ingest, as if each had an application of its own at the platform.
            "--max-connections", "4", *(["--faults", str(faults.resolve())] if faults else [])]
    return Service("simulator", argv, instance.environment(), lambda record: _answers(f"{url}/health"),
                   ports=("simulator",), url=url)


def ledger(instance: Instance) -> Path:
    """Where the simulator writes down what it sent."""
    return instance.dir / "data" / "simulator"


def ingest(instance: Instance, stream: str, *, source: str = "simulator", rules: Sequence[str] = (),
           clock_offset_ms: int = 0, options: Sequence[str] = ()) -> Service:
    spool = instance.dir / "data" / f"spool-{stream}"
    argv = [sys.executable, "-m", "spark_apps.ingest", "run", "--stream", stream, "--webhdfs",
            instance.url("namenode_web"), "--user", instance.user, "--spool", str(spool), "--source", source,
            "--clock-offset-ms", str(clock_offset_ms)]
    environment = instance.environment()
    if source == "simulator":
        argv += ["--url", instance.url("simulator"), "--token-file", str(token_file(instance))]
    else:
        environment["X_BEARER_TOKEN"] = os.environ.get("X_BEARER_TOKEN", "")
    for rule in rules:
        argv += ["--rule", rule]
    argv += options
    after = ("namenode", "datanode", *(("simulator",) if source == "simulator" else ()))
    name = f"ingest-{stream}"
    log = instance.logs / f"{name}.out"
    return Service(name, argv, environment, _is_writing(spool / "status.json", log), after=after,
                   prepare=lambda: _provision(instance, stream))


def _provision(instance: Instance, stream: str) -> None:
    cluster = config.load(instance.ini)
    provision.provision(hdfs.Client(cluster), cluster, stream)


def token_file(instance: Instance) -> Path:
    """The bearer token that the simulator asks for: made once, readable by nobody else."""
    path = instance.dir / "simulator.token"
    if not path.exists():
        path.touch(0o600)
        path.write_text(secrets.token_hex(16) + "\n")
    return path


def _answers(url: str) -> str:
    try:
        return "" if requests.get(url, timeout=2, proxies={"http": ""}).ok else f"{url} to answer 200"
    except requests.RequestException:
        return f"{url} to answer"


def _is_writing(status: Path, log: Path) -> Callable[[Record], str]:
    """HashtideError with ingest's own last line where it has ended: a refused token, a refused rule."""
    def what(record: Record) -> str:
        if not record.process() and (reason := _reason(log)):
            raise HashtideError(reason)
        try:
            known = json.loads(status.read_text())
        except (OSError, ValueError):
            return f"{status.name}"
        # An older run's file says nothing of this one.
        if status.stat().st_mtime < record.since:
            return f"a fresh {status.name}"
        return "" if known.get("connected_since_ms") else f"a connection: {known.get('error') or 'none yet'}"
    return what


def _reason(log: Path) -> str:
    """`ingest: ...`, where that is the last line of the log: the line that it ends with on an error."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            last = file.read().decode("utf-8", "replace").rstrip().rpartition("\n")[2]
    except OSError:
        return ""
    return last if last.startswith("ingest: ") else ""
