"""The example of a script, played to its end; and README's list of faults."""
from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from deploy import cli
from deploy.local import cluster as machine
from deploy.local.feed import simulator
from deploy.local.instance import Instance
from deploy.local.ports import Ports
from deploy.local.simulator import script
from deploy.local.simulator.faults import FAULTS
from deploy.local.simulator.generator import Shares
from deploy.verbs import local
from tests import oracle
from tests.fakes.platform import Platform, serving
from tests.fakes.raw import TOKEN, raw

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "deploy" / "conf" / "faults.json"
README = (ROOT / "README.md").read_text().split("## A platform that misbehaves")[1].split("\n## ")[0]


def test_the_example_plays_to_its_end_and_what_was_made_was_received_or_is_told_as_lost(tmp_path: Path) -> None:
    found = json.loads(EXAMPLE.read_text())
    received: list[bytes] = []
    with serving(tmp_path, seed=found["seed"], faults=found["faults"], token=TOKEN, rate=400, always=True,
                 time_scale=0.004, shares={"duplicate": 0}) as x:
        faults = x.server.stream.faults
        while faults.coming or faults.on:
            received += _as_long_as_it_lasts(x)
        x.stop()
        sent, lost = [record for _, record in oracle.records_of_ledger(tmp_path)], oracle.lost_of_ledger(tmp_path)
        assert Counter(received) <= Counter(sent)
        assert not set(lost) & set(sent)
        made = {record for record in {*sent, *lost} if b'{"data":{"id"' in record}
        assert len(made) >= x.server.sent
    told = [json.loads(line) for line in (tmp_path / "faults.jsonl").read_text().splitlines()]
    begun, ended = (Counter(one["fault"] for one in told if one["event"] == event) for event in ("began", "ended"))
    assert begun == ended == Counter(entry.fault.name for entry in script.load(EXAMPLE).entries)


def _as_long_as_it_lasts(x: Platform) -> list[bytes]:
    """The records of one connection, which is given up after a time without any, or when all faults are over."""
    found: list[bytes] = []
    faults = x.server.stream.faults
    with contextlib.suppress(TimeoutError, ConnectionRefusedError), raw(x, timeout_s=0.2) as reader:
        for line in reader.lines() if reader.head() == 200 else ():
            found += [line] if line else []
            if not faults.coming and not faults.on:
                break
    return found


def test_readme_has_each_fault_with_parameters_that_it_has_and_each_share() -> None:
    rows = [line for line in README.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row.split(" | ")[0])]
    assert sorted(named) == sorted(FAULTS)
    for row in rows:
        faults = [FAULTS[name] for name in re.findall(r"`(\w+)`", row.split(" | ")[0])]
        for parameter in re.findall(r"`(\w+)`", row.split("(")[-1]) if "(" in row else []:
            assert any(parameter in fault.__dataclass_fields__ for fault in faults), (row, parameter)
    assert all(f"`{share}`" in README for share in Shares.__dataclass_fields__)


def test_the_scripts_of_readme_can_be_read() -> None:
    entries = re.findall(r'`(\{"(?:fault|random)".*?\})`', README.replace("\n", " "))
    assert len(entries) == 3
    assert len(script.parse({"faults": [json.loads(entry) for entry in entries]}).entries) > 3


def test_up_hands_the_script_to_the_simulator_as_a_whole_path(tmp_path: Path) -> None:
    instance = Instance(tmp_path, Ports.free())
    argv = simulator(instance, rate=50, faults=EXAMPLE.relative_to(ROOT)).argv
    assert argv[argv.index("--faults") + 1].startswith("/")
    assert "--faults" not in simulator(instance, rate=50).argv


def test_up_says_in_one_line_that_a_simulator_which_runs_takes_no_script(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [machine.Status("simulator", "running", 1)]
    monkeypatch.setattr(machine, "status", lambda instance: runs)
    assert cli.main(["up", "--faults", str(EXAMPLE)]) == 2
    runs[0] = machine.Status("simulator", "dead")
    local.check_faults(cli.parser().parse_args(["up", "--faults", str(EXAMPLE)]), Instance.standard())


def test_faults_are_for_the_simulator_alone(
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("X_BEARER_TOKEN", "a-token")
    assert cli.main(["up", "--source", "x", "--faults", str(EXAMPLE)]) == 2
    assert capsys.readouterr().err == (
        "hashtide: --faults is for the simulator; --source x has faults of its own\n")


def test_the_simulator_by_itself_starts_as_readme_says(tmp_path: Path) -> None:
    [command] = re.findall(r"`python (-m deploy.local.simulator[^`]*)`", README)
    words = shlex.split(command.replace("--dir /tmp", f"--dir {tmp_path} --port 0"))
    with subprocess.Popen([sys.executable, "-P", *words], stdout=subprocess.PIPE, text=True, cwd=ROOT,
                          env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("simulator on http://127.0.0.1:")
        finally:
            process.terminate()
        assert process.wait(60) == 0
