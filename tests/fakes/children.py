"""Small programs that a test starts, and waits for what becomes of them."""
from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Says that it is there, then waits for its end.
SLEEPS = "import sys, time; print('there', flush=True); time.sleep(300)"
#: The same, but does not heed SIGTERM.
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPS
#: Starts two of its own, one in its session and one in a session apart, and writes their pids to the file of argv.
PARENT = f"""\
import subprocess, sys, time
run = [sys.executable, "-c", {SLEEPS!r}]
pids = [subprocess.Popen(run, start_new_session=apart).pid for apart in (False, True)]
open(sys.argv[1], "w").write(" ".join(map(str, pids)) + "\\n")
time.sleep(300)
"""


def python(code: str, *args: str) -> list[str]:
    return [sys.executable, "-S", "-E", "-c", code, *args]


def until(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """The condition's value as soon as it is true; AssertionError past the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s"
        time.sleep(0.01)
    return value


def said(log: Path, text: str = "there") -> bool:
    return log.exists() and text in log.read_text()
