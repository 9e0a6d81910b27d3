"""`top --live` and `status --watch`: what they draw in 80 columns, and how they leave the terminal behind."""
from __future__ import annotations

import io
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from deploy.cli import main
from deploy.lines import columns
from deploy.local.cluster import Status
from deploy.top import Asked
from deploy.verbs import screens
from deploy.views.kept import KeptTables
from deploy.views.now import shown
from spark_apps.contract import HOUR_MS, MINUTE_MS
from spark_apps.windows import Trend, Windows
from tests.fakes.page import HOSTILE, STREAM, filled
from tests.fakes.sockets import until

NOW = 1_800_001_800_000 - 1_800_001_800_000 % HOUR_MS + 20 * MINUTE_MS
TEN = Windows(10 * MINUTE_MS)
PROGRAM = """
import sys, threading
from deploy.errors import Unreachable
from deploy.verbs import watching
from rich.text import Text
answers = iter(["first", Unreachable("HDFS at x does not answer"), None])
def read():
    one = next(answers, None)
    if one is None:
        threading.Event().wait()   # as HDFS may keep one waiting
    if isinstance(one, Exception):
        raise one
    return one
sys.exit(watching.watch(read, lambda data: Text(f"shown: {data}"), 0.05))
"""


def drawn(what: RenderableType) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=80, height=24, force_terminal=False, color_system=None).print(what)
    return out.getvalue().splitlines()


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> KeptTables:
    made = filled(tmp_path_factory.mktemp("page"), lambda: NOW, hours=2, tags=10)
    found = KeptTables(made.cluster, STREAM, made.hdfs)
    found.refresh()
    return found


@pytest.mark.parametrize("trend,column", [(None, "retweets"), (Trend(TEN, 2), "score")])
def test_the_top_tags_fit_in_80_columns_whatever_they_are(tables: KeptTables, trend: Any, column: str) -> None:
    found = shown(tables, NOW, Asked(TEN, 30, trend))
    lines = drawn(screens.top(STREAM, found))
    assert max(map(columns, lines)) <= 80 and len(lines) == len(found["tags"]) + 2
    assert "10m" in lines[0] and column in lines[1] and "since" in lines[1]
    if trend is None:
        assert lines[2].split()[0] == "1" and HOSTILE[0] in lines[2]
        assert any(line.split()[1:3] == ["new", "#Emerging"] for line in lines)
    assert not set("".join(lines)) & set("\x1b\u202e")


def test_a_curve_is_of_as_many_characters_as_there_is_room_for() -> None:
    assert screens.bars([0] * 30) == "▁" * 15
    assert screens.bars([*[0] * 28, 4, 4]) == "▁" * 14 + "█"


def test_processes_and_stream_fit_in_80_columns() -> None:
    rows = [Status("namenode", "running", 12_345, "http://127.0.0.1:9870/with/a/long/address/behind", 512, 1_000.0),
            Status("dag-processor", "dead")]
    stream = {"ok": False, "text": "stream a: stalled: no commit\n  counts  none yet"}
    lines = drawn(screens.status(rows, stream, 8_200.0))
    assert max(map(len, lines)) <= 80
    assert lines[1].split()[:6] == ["namenode", "running", "12345", "512", "MB", "2"] and "dead" in lines[2]
    assert "stream a: stalled: no commit" in lines


def test_no_counts_and_no_processes_are_said(tables: KeptTables) -> None:
    assert drawn(screens.top("a", {"window": None, "by": "count", "tags": []}))[0].startswith("No counts yet")
    assert drawn(screens.status([], None, 0)) == ["Nothing runs; `deploy/hashtide up` starts it."]


@pytest.mark.parametrize("args,said", [
    (["top", "--live"], "--live needs a terminal; `deploy/hashtide top` prints once"),
    (["status", "--watch"], "--watch needs a terminal; `deploy/hashtide status` prints once"),
    (["top", "--live", "--json"], "--live is for a terminal, --json for a program"),
    (["top", "--live", "--at", "2026-03-01T10:15"], "--at is one window, --live follows the newest")])
def test_where_nobody_can_look_it_says_what_to_do(args: list[str], said: str,
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    assert said in capsys.readouterr().err


class Terminal:
    """A program in a terminal of 80 columns."""

    def __init__(self, process: subprocess.Popen[bytes], master: int, before: list[Any]) -> None:
        self.process, self.before, self._master, self._said = process, before, master, b""

    def said(self) -> str:
        while True:
            try:
                data = os.read(self._master, 65_536)
            except (BlockingIOError, OSError):
                return self._said.decode(errors="replace")
            self._said += data

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)


@contextmanager
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    termios.tcsetwinsize(slave, (24, 80))
    os.set_blocking(master, False)
    root = str(Path(__file__).parents[2])
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": root, "TERM": "xterm-256color", "LANG": "C.UTF-8",
                   "PYTHONDONTWRITEBYTECODE": "1"}
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    # As a shell of a person starts it: one that runs the tests in the background has SIGINT ignored.
    heeds = ("import signal, runpy, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
             "runpy.run_path(sys.argv[1])")
    with subprocess.Popen([sys.executable, "-P", "-c", heeds, str(program)], stdin=slave, stdout=slave, stderr=slave,
                          env=environment, start_new_session=True) as process:
        try:
            made = Terminal(process, master, before)
            until(lambda: "shown: first" in made.said() and "does not answer" in made.said(), "both answers")
            yield made
            until(lambda: made.said() is not None and process.poll() is not None, "the program's end")
            assert termios.tcgetattr(slave) == before
            assert made.said().rindex("\x1b[?1049l") > made.said().rindex("\x1b[?1049h")   # the first screen again
            assert made.said().rindex("\x1b[?25h") > made.said().rindex("\x1b[?25l")       # with a cursor
            assert "Traceback" not in made.said()
        finally:
            process.kill()
            os.close(slave)
            os.close(master)


@pytest.mark.parametrize("end,code", [("q", 0), ("Q", 0), ("ctrl-c", 0), ("term", 143)])
def test_however_it_is_ended_while_hdfs_keeps_it_waiting_the_terminal_is_as_before(end: str, code: int,
                                                                                   tmp_path: Path) -> None:
    with terminal(tmp_path) as seen:
        assert "shown: first" in seen.said().rpartition("does not answer")[2]   # beside the fault
        if end == "ctrl-c":
            seen.process.send_signal(signal.SIGINT)
        elif end == "term":
            seen.process.terminate()
        else:
            seen.press(end.encode())
    assert seen.process.returncode == code
