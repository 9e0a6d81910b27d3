"""What the lab's hosts find outside of the cluster: X's simulator on the bridge, and an operator's vault of secrets."""
from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import sys
import time
from pathlib import Path

from deploy.errors import TimedOut
from deploy.lab import layout
from deploy.local import processes
from deploy.local.processes import Record

PORT = 8950
#: Tweets a second.
RATE = 20
_NAME = "simulator"


def vault(directory: Path) -> dict[str, str]:
    """Made once, readable by nobody else; inventories/lab_application reads them from there."""
    path = directory / "secrets.json"
    if not path.exists():
        made = {name: secrets.token_urlsafe(32) for name in (
            "airflow_database_password", "airflow_admin_password", "airflow_secret_key", "airflow_jwt_secret",
            "x_bearer_token")}
        made["airflow_fernet_key"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        _private(path, json.dumps(made, indent=2) + "\n")
    found: dict[str, str] = json.loads(path.read_text())
    return found


def start(directory: Path, deadline_s: float = 30) -> None:
    """The simulator, answering; one that runs stays. It sends to whoever is connected; its ledger grows with that."""
    token = directory / "simulator.token"
    _private(token, vault(directory)["x_bearer_token"] + "\n")
    record = Record.read(directory / "run", _NAME)
    if not (record and record.process()):
        (directory / "run").mkdir(exist_ok=True)
        # Its first line tells that it answers: one of an earlier run would tell it too soon.
        (directory / "simulator.log").unlink(missing_ok=True)
        argv = ["ip", "netns", "exec", layout.LAB_NAMESPACE, sys.executable, "-P", "-m", "deploy.local.simulator",
                "--host", layout.BRIDGE, "--port", str(PORT), "--rate", str(RATE), "--dir", str(ledger(directory)),
                "--token-file", str(token), "--max-connections", "4"]
        environment = {key: os.environ[key] for key in ("PATH", "LANG", "PYTHONPATH") if key in os.environ}
        record = processes.spawn(directory / "run", _NAME, argv, environment, log=directory / "simulator.log",
                                 cwd=directory)
    limit = time.monotonic() + deadline_s
    while not _answers(directory):
        if time.monotonic() > limit or not record.process():
            raise TimedOut(f"the simulator does not answer: see {directory}/simulator.log")
        time.sleep(0.2)


def ledger(directory: Path) -> Path:
    return directory / "simulator"


def stop(directory: Path, *, delete: bool = False) -> None:
    if record := Record.read(directory / "run", _NAME):
        processes.end(directory / "run", record)
    if delete:
        shutil.rmtree(ledger(directory), ignore_errors=True)


def _answers(directory: Path) -> bool:
    log = directory / "simulator.log"
    return log.exists() and f"simulator on http://{layout.BRIDGE}:{PORT}" in log.read_text(errors="replace")


def _private(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    part.touch(0o600)
    part.write_text(text)
    part.replace(path)
