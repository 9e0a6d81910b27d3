"""What stands around a checkpoint: what was published of it, who wrote it, whose it is. Pure."""
from __future__ import annotations

from collections.abc import Iterator

from deploy.checkpoints.doctor import logs
from deploy.checkpoints.doctor.finding import Finding
from deploy.checkpoints.doctor.seen import Seen, Told
from spark_apps.contract import generation_name


def findings(seen: Seen) -> Iterator[Finding]:
    yield from published(seen)
    yield from _writers(seen)
    yield from _identity(seen)


def expected(seen: Seen) -> tuple[int, str]:
    """(the newest batch that it must hold at least the beginning of, who says so); -1 where nobody does."""
    said = [(-1, "")]
    if seen.around.published is not None:
        said.append((seen.around.published, f"counts_live has batch {seen.around.published} of it"))
    if seen.around.told:
        newest = max(seen.around.told, key=lambda one: one.batch)
        said.append((newest.batch, f"the driver of epoch {newest.epoch} committed batch {newest.batch}"))
    made = seen.generation
    if made.parent is not None and not made.fresh:
        said.append((made.through_batch, f"it was opened with batch {made.through_batch} of "
                                         f"{generation_name(made.parent)}"))
    return max(said)


def published(seen: Seen) -> Iterator[Finding]:
    least, who = expected(seen)
    if least < 0:
        return
    if seen.begun < 0 and seen.committed < 0:
        what = "it has neither offsets nor commits" if seen.sizes else "HDFS has no such directory, or no file in it"
        yield Finding("checkpoint_missing", seen.root, f"{what}, and {who}", since=0)
    elif max(seen.begun, seen.committed) < least:
        last = max(seen.begun, seen.committed)
        yield Finding("checkpoint_behind", seen.root, f"it ends with batch {last}, and {who}", since=last + 1)
    elif seen.committed < min(least, seen.begun - 1):
        return   # a missing commit, said by itself
    elif told := [one for one in seen.around.told if one.batch > seen.committed]:
        first = min(told, key=lambda one: one.batch)
        yield Finding("commits_missing", f"commits/{first.batch}", f"it is missing, and the driver of epoch "
                      f"{first.epoch} committed it", (f"commits/{first.batch}",))


def _writers(seen: Seen) -> Iterator[Finding]:
    by_batch: dict[int, dict[tuple[int, int], Told]] = {}
    for one in seen.around.told:
        by_batch.setdefault(one.batch, {})[one.epoch, one.attempt] = one
    where = seen.paths.batches
    for batch in sorted(by_batch):
        if len(by_batch[batch]) > 1:
            who = " and ".join(f"epoch {epoch} attempt {attempt}" for epoch, attempt in sorted(by_batch[batch]))
            yield Finding("two_writers", where, f"batch {batch} was committed by {who}", since=batch)
            return
    newest: tuple[tuple[int, int], int] | None = None
    for batch in sorted(by_batch):
        [who_of] = by_batch[batch]
        if newest and who_of < newest[0]:
            (epoch, attempt), last = newest
            yield Finding("two_writers", where, f"epoch {who_of[0]} attempt {who_of[1]} committed batch {batch} after "
                          f"epoch {epoch} attempt {attempt} had committed batch {last}", since=last)
            return
        newest = who_of, batch
    if seen.around.twice:
        yield Finding("two_writers", seen.paths.table("counts_live"), f"batch {seen.around.twice[0]} is in it twice",
                      since=seen.around.twice[0])


def _identity(seen: Seen) -> Iterator[Finding]:
    found = seen.parsed("metadata", logs.metadata)
    if not found:
        return
    for who, query in seen.around.queries.items():
        if query != found:
            yield Finding("foreign_checkpoint", "metadata", f"it is of query {found}, and {who} of {query}",
                          ("metadata",))
            return
