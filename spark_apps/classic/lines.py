"""Where a classic driver keeps what it goes on from: checkpoint/<generation>/<number>-<code>, the newest of its code.

A DStream checkpoint holds the computation itself: code that has changed would not be run. So other code, or another
interval, begins a line of its own, from what is sealed. So does a driver that was killed before its first checkpoint
or, where it began with sealed totals, before its first state was in one: Spark keeps no RDD that it was given.
"""
from __future__ import annotations

import hashlib
import pkgutil
from typing import Protocol

import pyspark

from spark_apps.classic.intervals import Intervals
from spark_apps.classic.landing import lines_of

#: What a driver's results depend on, beside its arguments.
CODE = {"spark_apps": ("contract.py", "session.py", "sources.py"),
        "spark_apps.classic": ("counting.py", "inverse.py", "job.py", "landing.py", "lines.py", "results.py",
                               "seam.py"),
        "spark_apps.transforms": ("hashtags.py", "identify.py", "parse.py", "tweets.py")}
READY = "ready.json"


class Files(Protocol):
    def list(self, path: str) -> list[str]: ...

    def exists(self, path: str) -> bool: ...


def code(intervals: Intervals, landing: str) -> str:
    """Of these sources, this Spark, these intervals and whose landing it is, in 12 hexadecimal digits."""
    digest = hashlib.sha256(f"{pyspark.__version__} {intervals} {landing}".encode())
    for package, names in sorted(CODE.items()):
        for name in names:
            digest.update(pkgutil.get_data(package, name) or b"")
    return digest.hexdigest()[:12]


def directory(files: Files, base: str, code: str) -> str:
    """The newest line where it is of this code and can be gone on with, else the next one's name."""
    names = lines_of(files.list(base))
    if names and names[-1].endswith(f"-{code}") and files.exists(f"{base}/{names[-1]}/{READY}"):
        return f"{base}/{names[-1]}"
    return f"{base}/{int(names[-1][:6]) + 1 if names else 1:06d}-{code}"
