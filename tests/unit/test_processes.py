"""Real processes: what is recorded is what is ended, and nothing else is."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from deploy.local import processes
from deploy.local.processes import Record
from tests.fakes.children import PARENT, SLEEPS, STUBBORN, python, said, until

Start = Callable[..., Record]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a program as the service of that name; whatever happens, it is gone afterwards."""
    started: list[Record] = []

    def begin(code: str, *args: str, name: str = "one", **env: str) -> Record:
        record = processes.spawn(tmp_path, name, python(code, *args), {"PATH": os.environ["PATH"], **env},
                                 log=tmp_path / f"{name}.out", cwd=tmp_path)
        started.append(record)
        return record

    yield begin
    for record in started:
        for process in processes.session(record):
            process.kill()


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_record_on_disk_names_the_process_that_was_started(tmp_path: Path, start: Start) -> None:
    record = start(SLEEPS)
    kept = Record.read(tmp_path, "one")
    assert kept == record
    process = kept.process()
    assert process and process.pid == record.pid
    assert processes.records(tmp_path) == {"one": record}


def test_it_runs_in_a_session_of_its_own(start: Start) -> None:
    record = start(SLEEPS)
    assert os.getsid(record.pid) == record.pid


def test_a_spoilt_record_is_no_record(tmp_path: Path) -> None:
    for text in ("", "{", "[]", '{"name": "one"}'):
        (tmp_path / "one.json").write_text(text)
        assert Record.read(tmp_path, "one") is None


def test_end_asks_first_and_forgets_the_record(tmp_path: Path, start: Start) -> None:
    record = start(SLEEPS)
    until(lambda: said(tmp_path / "one.out"))
    processes.end(tmp_path, record)
    assert gone(record.pid) and not (tmp_path / "one.json").exists()


def test_end_uses_the_signal_that_the_program_understands(tmp_path: Path, start: Start) -> None:
    heard = ("import signal, sys; "
             "signal.signal(signal.SIGINT, lambda *_: (print('heard', flush=True), sys.exit())); " + SLEEPS)
    record = replace(start(heard), stop_signal=int(signal.SIGINT))
    until(lambda: said(tmp_path / "one.out"))
    processes.end(tmp_path, record)
    assert said(tmp_path / "one.out", "heard")


def test_what_does_not_heed_its_stop_is_killed(tmp_path: Path, start: Start) -> None:
    record = start(STUBBORN)
    until(lambda: said(tmp_path / "one.out"))
    processes.end(tmp_path, record, deadline=0.2)
    assert gone(record.pid)


def test_end_takes_along_what_is_in_its_session_and_leaves_a_session_apart(tmp_path: Path, start: Start) -> None:
    record = start(PARENT, str(tmp_path / "pids"))
    until(lambda: said(tmp_path / "pids", "\n"))
    inside, apart = map(int, (tmp_path / "pids").read_text().split())
    try:
        processes.end(tmp_path, record)
        assert gone(inside) and not gone(apart)
    finally:
        os.kill(apart, signal.SIGKILL)


def test_what_a_killed_one_left_in_its_session_is_ended_too(tmp_path: Path, start: Start) -> None:
    record = start(PARENT, str(tmp_path / "pids"))
    until(lambda: said(tmp_path / "pids", "\n"))
    inside, apart = map(int, (tmp_path / "pids").read_text().split())
    os.kill(apart, signal.SIGKILL)
    processes.kill(record)
    assert record.process() is None and not gone(inside)
    assert (tmp_path / "one.json").exists()
    processes.end(tmp_path, record)
    assert gone(inside)


def test_a_process_that_got_the_pid_of_a_dead_one_is_never_touched(tmp_path: Path, start: Start) -> None:
    stranger = start(SLEEPS)
    until(lambda: said(tmp_path / "one.out"))
    old = replace(stranger, name="old", started=stranger.started - 100)
    old.write(tmp_path)
    assert old.process() is None and processes.session(old) == set()
    processes.kill(old)
    processes.end(tmp_path, old)
    assert stranger.process() is not None
    assert not (tmp_path / "old.json").exists()


def test_a_record_from_before_a_reboot_names_nobody(tmp_path: Path, start: Start) -> None:
    record = replace(start(SLEEPS), boot="another")
    assert record.process() is None and processes.session(record) == set()


def test_a_clock_that_is_set_makes_nobody_a_stranger(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    record = start(SLEEPS)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr(psutil, "boot_time", lambda: 0.0)
    assert record.process() is not None


def test_one_whose_parent_never_looks_counts_as_gone(tmp_path: Path) -> None:
    child = subprocess.Popen(python("pass"), start_new_session=True)
    until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
    stat = processes._stat(child.pid)
    assert stat and stat.zombie
    record = Record("one", child.pid, stat.started, processes.boot_id(), int(signal.SIGTERM), "", 0.0)
    assert record.process() is None
    began = time.monotonic()
    processes.end(tmp_path, record)
    processes.finish([psutil.Process(child.pid)])
    assert time.monotonic() - began < 1
    child.wait()


def test_whoever_looks_for_marked_processes_and_its_parents_are_none_of_them(tmp_path: Path) -> None:
    looks = ("import os, sys; from deploy.local import processes; "
             "print([p.pid for p in processes.marked('TEST_MARK', sys.argv[1])])")
    shell = f'{sys.executable} -P -c "{looks}" {tmp_path}; true'
    done = subprocess.run(["bash", "-c", shell], env={**os.environ, "TEST_MARK": str(tmp_path)}, text=True,
                          capture_output=True, check=False)
    assert done.stdout == "[]\n", done.stderr


def test_marked_processes_are_found_wherever_they_went(tmp_path: Path, start: Start) -> None:
    record = start(PARENT, str(tmp_path / "pids"), TEST_MARK=str(tmp_path))
    until(lambda: said(tmp_path / "pids", "\n"))
    inside, apart = map(int, (tmp_path / "pids").read_text().split())
    found = until(lambda: len(marked := processes.marked("TEST_MARK", str(tmp_path))) == 3 and marked)
    assert {p.pid for p in found} == {record.pid, inside, apart}
    processes.finish(found)
    assert gone(record.pid) and gone(inside) and gone(apart)
