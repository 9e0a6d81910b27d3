"""A screen that is drawn anew until somebody ends it, for `--live` and `--watch`.

By rich, in the terminal's second screen: what stood there before stands there again.
"""
from __future__ import annotations

import os
import select
import signal
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from deploy.errors import BadUse, HashtideError
from deploy.lines import line

if TYPE_CHECKING:
    from rich.console import RenderableType

#: Between two readings; what is shown grows older by the second.
EVERY_S = 5.0
_KEYS_S = 0.25


class Reader:
    """Reads in a thread of its own: while HDFS keeps one waiting, the screen still answers to keys."""

    def __init__(self, read: Callable[[], Any], every_s: float = EVERY_S) -> None:
        self.data: Any = None
        self.fault = ""
        self.read_at: float | None = None     # of the data, by the monotonic clock
        self._read, self._every_s = read, every_s
        threading.Thread(target=self._go, daemon=True).start()

    def _go(self) -> None:
        while True:
            try:
                self.data, self.fault = self._read(), ""
                self.read_at = time.monotonic()
            except HashtideError as error:
                self.fault = line(str(error))
            except Exception as error:   # the thread's end would leave a screen that never says why
                self.fault = line(f"{type(error).__name__}: {error}")
            time.sleep(self._every_s)

    def age(self) -> str:
        if self.read_at is None:
            return "reading"
        return f"read {time.monotonic() - self.read_at:.0f} s ago"


def check(option: str, once: str, as_json: bool) -> None:
    """BadUse where there is nobody to look."""
    if as_json:
        raise BadUse(f"{option} is for a terminal, --json for a program: leave out one of them")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadUse(f"{option} needs a terminal; `{once}` prints once")


def watch(read: Callable[[], Any], draw: Callable[[Any], RenderableType], every_s: float = EVERY_S) -> int:
    """Shows draw(read()) until q or Ctrl-C; where nothing newer can be read, what was, with its age and the reason."""
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    reader = Reader(read, every_s)

    def screen() -> RenderableType:
        parts: list[Any] = [Text(f"{reader.age()}, again each {every_s:g} s; q ends", style="dim")]
        if reader.fault:
            parts.append(Text(reader.fault, style="bold red"))
        if reader.read_at is not None:
            parts.append(draw(reader.data))
        return Group(*parts)

    console = Console(highlight=False)
    try:
        with _keys() as pressed, Live(screen(), console=console, screen=True, auto_refresh=False,
                                      vertical_overflow="crop") as live:
            while not pressed("q"):
                live.update(screen(), refresh=True)
    except KeyboardInterrupt:
        pass
    return 0


@contextmanager
def _keys() -> Iterator[Callable[[str], bool]]:
    """Whether a key was pressed within a moment. After it the terminal is as it was, also where somebody ends it."""
    place = sys.stdin.fileno()
    before = termios.tcgetattr(place)
    ended = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def pressed(key: str) -> bool:
        if not select.select([place], [], [], _KEYS_S)[0]:
            return False
        data = os.read(place, 64)
        return not data or key.encode() in data.lower()   # nothing: the terminal is gone
    try:
        tty.setcbreak(place)
        yield pressed
    finally:
        termios.tcsetattr(place, termios.TCSADRAIN, before)
        signal.signal(signal.SIGTERM, ended)
