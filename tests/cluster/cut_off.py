"""python -m tests.cluster.cut_off CLUSTER.ini STREAM N: a launch that is killed before its Nth call.

A call is one to HDFS, to the ResourceManager, or the start of spark-submit. With 0 none is killed, and the number of
the call after that start is printed: what follows is waiting, as long as it takes.
"""
from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from deploy import config, hdfs, submit, yarn
from deploy.launch import Launcher, StreamSpec

calls = started = 0


def counted(at: int, call: Any) -> Any:
    def counting(*args: Any, **kwargs: Any) -> Any:
        global calls, started
        calls += 1
        if call is submit.start:
            started = calls
        if calls == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **kwargs)
    return counting


class Counted:
    def __init__(self, inner: Any, at: int) -> None:
        self._inner, self._at = inner, at

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return counted(self._at, found) if callable(found) else found


def main() -> None:
    file, stream, at = sys.argv[1], sys.argv[2], int(sys.argv[3])
    cluster = config.load(Path(file))
    made = Launcher(cluster, Counted(hdfs.Client(cluster), at),  # type: ignore[arg-type]
                    Counted(yarn.Client(cluster), at), counted(at, submit.start))  # type: ignore[arg-type]
    made.launch(StreamSpec(stream), "drill", "cut off")
    print(started + 1)


if __name__ == "__main__":
    main()
