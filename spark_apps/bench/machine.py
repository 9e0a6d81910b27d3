"""What a run costs the machine: other work on it moves the clock on the wall, and hardly these."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import psutil


def tree() -> Iterator[psutil.Process]:
    """This process, its JVM and the Python workers below that."""
    me = psutil.Process(os.getpid())
    yield me
    yield from me.children(recursive=True)


def cpu_s() -> float:
    """Processor seconds so far, those of workers that have ended included."""
    total = 0.0
    for process in tree():
        with suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])
    return total


def resident_mb() -> tuple[float, float]:
    """(JVM, Python) without what is shared with others being told apart."""
    found = {"java": 0.0, "python": 0.0}
    for process in tree():
        with suppress(psutil.NoSuchProcess):
            # By its name: a child that the JVM has just forked to run a command has all of the JVM's pages as its own.
            for name in found:
                if process.name().startswith(name):
                    found[name] += process.memory_info().rss / 2**20
    return found["java"], found["python"]
