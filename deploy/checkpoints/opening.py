"""How a stream comes to its next generation, whoever asks and wherever it is cut off.

    given-up claims are closed: control/generation/<n>.json {"abandoned"}, their checkpoints deleted
      v
    claim: control/generation/<n+1>.claim by exclusive create --lost--> the next number
      v
    prepare checkpoint/<n+1>
      v
    open: control/generation/<n+1>.json by exclusive create --lost: given up by a later one--> Refused

Until the last step nothing has changed: the stream goes on with the generation that it had.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from deploy.errors import HashtideError, Refused
from deploy.launch import Files, Launcher, newest_epoch
from spark_apps import generations
from spark_apps.contract import StreamPaths, generation_name, hour_name
from spark_apps.generations import Generation

#: A file without content is being written, or its writer was cut off; after this long it was.
_WRITING_MS = 60_000


def check_stopped(tools: Launcher, paths: StreamPaths) -> None:
    """Refused where a driver lives, or may be on its way."""
    if why := tools.what_to_wait_for(paths, newest_epoch(tools.hdfs, paths)):
        raise Refused(f"stream {paths.stream} is not stopped ({why}): "
                      f"`deploy/hashtide stream stop --stream {paths.stream}` stops it, then do this again")


def open_next(tools: Launcher, paths: StreamPaths, wanted: Generation, prepare: Callable[[str], object]) -> Generation:
    """Opens the next generation as `wanted` says, whose number does not matter, with the checkpoint that `prepare`
    puts into the directory it is given. Refused where somebody else opened one meanwhile."""
    close_abandoned(tools.hdfs, paths, tools.now_ms())
    made = replace(wanted, number=_claim(tools, paths, wanted), time_ms=tools.now_ms())
    before = generations.newest(tools.hdfs, paths)
    try:
        if not made.checkpoint_root:   # there a directory is not, before its first file
            prepare(paths.checkpoint(made.number))
        check_stopped(tools, paths)
    except HashtideError:
        if generations.newest(tools.hdfs, paths) != before:
            raise _overtaken(paths) from None   # which has deleted what was prepared
        raise
    taken = generations.newest(tools.hdfs, paths) != before
    if taken or not tools.hdfs.create_exclusive(paths.generation(made.number), _as_json(made)):
        raise _overtaken(paths)
    tools.say(f"generation {generation_name(made.number)} is open")
    return made


def _overtaken(paths: StreamPaths) -> Refused:
    return Refused(f"stream {paths.stream}: somebody else opened a generation meanwhile, and nothing was changed; "
                   f"`deploy/hashtide checkpoint list --stream {paths.stream}` shows which")


def _claim(tools: Launcher, paths: StreamPaths, wanted: Generation) -> int:
    names = (name.split(".")[0] for directory in (paths.generations, f"{paths.base}/checkpoint")
             for name in tools.hdfs.list(directory))
    number = max((int(name[1:]) for name in names if name[1:].isdecimal()), default=1) + 1
    said = {"who": wanted.who, "why": wanted.why, "id": tools.new_id(), "time_ms": tools.now_ms()}
    while not tools.hdfs.create_exclusive(paths.generation_claim(number), said):
        number += 1
    return number


def close_abandoned(hdfs: Files, paths: StreamPaths, now_ms: int) -> list[int]:
    """Numbers that were claimed and never opened: nobody can open them any more, and their checkpoints are gone.

    Whoever prepares one at this moment is overtaken, and told so when it would open it.
    """
    names = hdfs.list(paths.generations)
    claimed = [int(name[1:-6]) for name in names if name.endswith(".claim") and name[1:-6].isdecimal()]
    there = set(hdfs.list(f"{paths.base}/checkpoint"))
    closed = []
    for number in sorted(claimed):
        if f"{generation_name(number)}.json" not in names:
            hdfs.create_exclusive(paths.generation(number), {"abandoned": True, "time_ms": now_ms})
        elif generation_name(number) not in there:
            continue
        if _is_closed(hdfs, paths.generation(number), now_ms):
            hdfs.delete(paths.checkpoint(number), recursive=True)
            closed.append(number)
    return closed


def _is_closed(hdfs: Files, path: str, now_ms: int) -> bool:
    made = hdfs.read_json(path)
    if made:
        return bool(made.get("abandoned"))
    status = hdfs.status(path)
    return status is not None and now_ms - int(status["modificationTime"]) > _WRITING_MS


def _as_json(made: Generation) -> dict[str, Any]:
    parent = None if made.parent is None else generation_name(made.parent)
    said = {"parent": parent, "through_batch": made.through_batch, "savepoint": made.savepoint,
            "shuffle_partitions": made.shuffle_partitions, "who": made.who, "why": made.why, "time_ms": made.time_ms}
    if made.from_hour is not None:
        said["from_hour"] = hour_name(made.from_hour)
    if made.checkpoint_root:
        said["checkpoint_root"] = made.checkpoint_root
    return {**said, **({"fresh": True} if made.fresh else {})}
