"""A person hears of a restart, a park or a recovery once, whoever notices it how often.

HASHTIDE_NOTIFIER = module:function names who is called with the note besides the log; nothing depends on it.
"""
from __future__ import annotations

import logging
import os
import uuid
from dataclasses import dataclass
from importlib import import_module

from deploy.errors import HashtideError
from deploy.launch import Launcher
from spark_apps.contract import StreamPaths

log = logging.getLogger(__name__)

_LEVELS = {"restart": logging.WARNING, "park": logging.ERROR, "recovery": logging.WARNING}


@dataclass(frozen=True)
class Note:
    """`kind` is restart, park or recovery; `epoch` the one that ended, or recovered."""

    stream: str
    epoch: int
    kind: str
    reason: str
    next_step: str

    @property
    def text(self) -> str:
        return f"stream {self.stream}, epoch {self.epoch}: {self.kind}: {self.reason}. {self.next_step}"


def notify(tools: Launcher, note: Note) -> bool:
    """Whether this call was the first for this epoch and kind."""
    paths = StreamPaths(note.stream, tools.cluster.root)
    mark = f"{paths.control}/notified/{note.epoch:06d}.{note.kind}"
    try:
        first = tools.hdfs.create_exclusive(mark, {"reason": note.reason, "time_ms": tools.now_ms(),
                                                   "by": uuid.uuid4().hex})
    except HashtideError as error:
        log.warning("not known whether this was said before: %s", error)
        first = True
    if first:
        log.log(_LEVELS.get(note.kind, logging.WARNING), "%s", note.text)
        _plugged(note)
    return first


def _plugged(note: Note) -> None:
    name, _, function = os.environ.get("HASHTIDE_NOTIFIER", "").partition(":")
    if not name:
        return
    try:
        getattr(import_module(name), function)(note)
    except Exception:
        log.exception("HASHTIDE_NOTIFIER %s:%s failed", name, function)
