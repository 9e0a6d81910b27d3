"""Many small files of tables put together, by Delta's OPTIMIZE in one process of Spark on the machine that asks."""
from __future__ import annotations

from collections.abc import Sequence

from deploy.checkpoints.local_spark import of_checkout, run
from deploy.errors import HashtideError
from deploy.launch import Launcher
from deploy.retention.items import Item
from spark_apps.contract import StreamPaths

#: For ten days of hours with 360 files each, on a busy machine.
TIMEOUT_S = 3_600.0


def is_sealed_into(item: Item) -> bool:
    """Whether a seal replaces rows of its table: of two such commits at once the second fails, and who made it has to
    do it again. The stream only adds, and goes on with the next version."""
    return not item.goes and not item.what.startswith("counts_live")


def put(tools: Launcher, paths: StreamPaths, whats: Sequence[str]) -> None:
    """Of items of this kind; HashtideError where a table was left as it is, after the others were seen to."""
    hours: dict[str, list[str]] = {}
    for what in whats:
        table, _, hour = what.partition(" ")
        hours.setdefault(table, []).append(hour)
    if not hours:
        return
    tools.say(f"many small files of {', '.join(hours)} are put together")
    words = [f"{table}={','.join(filter(None, its))}" for table, its in hours.items()]
    told = run(tools, of_checkout(), "optimise", ["--root", paths.root, "--stream", paths.stream, *words], TIMEOUT_S)
    for table, done in told.items():
        if "error" not in done:
            tools.say(f"table {table}: {done['removed']:,} files became {done['added']:,}")
    if left := [table for table in hours if "error" in told[table]]:
        raise HashtideError(f"table {left[0]} is as it was, do this again: {told[left[0]]['error']}")
