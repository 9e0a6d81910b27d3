"""Where a bench works, and how it says how far it is."""
from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy import config


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory beside the cache, so that files can be linked; gone afterwards, whatever ends us."""
    def ended(number: int, frame: Any) -> None:
        raise KeyboardInterrupt
    before = signal.signal(signal.SIGTERM, ended)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-", dir=config.home(), ignore_cleanup_errors=True) as place:
            yield Path(place)
    finally:
        signal.signal(signal.SIGTERM, before)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
