"""A person hears of a restart, a park, a recovery or a drift once, whoever notices it how often.

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

_LEVELS = {"restart": logging.WARNING, "park": logging.ERROR, "recovery": logging.WARNING, "drift": logging.ERROR}


@dataclass(frozen=True)
class Note:
    """`kind` is restart, park or recovery, and `epoch` the one that ended, or recovered; or drift-<hour>-r<revision> of
    no epoch (0)."""

    stream: str
    epoch: int
    kind: str
    reason: str
    next_step: str

    @property
    def text(self) -> str:
        of = f", epoch {self.epoch}" if self.epoch else ""
        return f"stream {self.stream}{of}: {self.kind}: {self.reason}. {self.next_step}"


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
        log.log(_LEVELS.get(note.kind.partition("-")[0], logging.WARNING), "%s", note.text)
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
