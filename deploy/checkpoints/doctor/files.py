"""Each file of a checkpoint by itself: there, not empty, not cut off, as Spark writes it. Pure."""
from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from deploy.checkpoints.doctor import logs, state
from deploy.checkpoints.doctor.finding import Bad, Finding
from deploy.checkpoints.doctor.seen import Seen


def findings(seen: Seen) -> Iterator[Finding]:
    yield from _metadata(seen)
    for name, parse in (("offsets", logs.offsets), ("commits", logs.commit)):
        for number in seen.numbers(name):
            yield from _file(seen, f"{name}/{number}", f"{name}_damaged", parse)
        yield from _gaps(seen, name)
    yield from _ahead(seen)
    yield from _source_log(seen)
    for path, why in seen.unreadable.items():
        yield Finding("unreadable", path, why, (path,))


def _metadata(seen: Seen) -> Iterator[Finding]:
    if "metadata" not in seen.sizes:
        yield Finding("metadata_damaged", "metadata", "it is missing")
    else:
        yield from _file(seen, "metadata", "metadata_damaged", logs.metadata)


def _file(seen: Seen, path: str, kind: str, parse: Callable[[bytes], object]) -> Iterator[Finding]:
    """By its size alone where it was not read."""
    try:
        if not seen.sizes[path]:
            raise Bad("it is empty")
        if path in seen.data:
            parse(seen.data[path])
    except Bad as error:
        yield Finding(kind, path, str(error), (path,))


def _gaps(seen: Seen, name: str) -> Iterator[Finding]:
    """Spark deletes the oldest; none is missing between two others, and none that the other log still has begun."""
    numbers = seen.numbers(name)
    for number in sorted(set(range(min(numbers, default=0), max(numbers, default=-1))) - set(numbers)):
        path = f"{name}/{number}"
        yield Finding(f"{name}_missing", path, f"it is missing between {numbers[0]} and {numbers[-1]}", (path,))


def _ahead(seen: Seen) -> Iterator[Finding]:
    """At most one batch is under way."""
    begun, done = seen.begun, seen.committed
    if done > begun:
        for number in range(begun + 1, done + 1):
            yield Finding("commits_ahead", f"offsets/{number}", f"it is missing, and commits/{number} is there",
                          (f"offsets/{number}",))
    for number in range(done + 1, begun):
        yield Finding("commits_missing", f"commits/{number}", f"it is missing, and offsets/{begun} is there",
                      (f"commits/{number}",))
    if begun == done + 1:
        yield Finding("unfinished_batch", f"offsets/{begun}", f"batch {begun} was begun and not committed")


def _source_log(seen: Seen) -> Iterator[Finding]:
    names = [name for name in seen.names("sources/0") if re.fullmatch(r"\d+(\.compact)?", name)]
    live = set(seen.source_log())
    for name in sorted(names, key=lambda one: int(one.removesuffix(".compact"))):
        path = f"sources/0/{name}"

        def parse(data: bytes, name: str = name, path: str = path) -> object:
            return logs.entries(name, data, path in seen.ends)

        for found in _file(seen, path, "source_log_damaged", parse):
            # What was compacted stays for a while, and nobody reads it.
            yield found if path in live else Finding(found.kind, path, found.what, found.spoils, old=True)
    numbers = {int(path.rpartition("/")[2].removesuffix(".compact")) for path in live}
    compact = any(path.endswith(".compact") for path in live)
    first = min(numbers, default=0) if compact else 0
    for number in sorted(set(range(first, max(numbers, default=-1))) - numbers):
        path = f"sources/0/{number}"
        yield Finding("source_log_gap", path, f"it is missing before entry {max(numbers)}", (path,))
    for number in _lost_compacts(numbers, compact):
        path = f"sources/0/{number}.compact"
        yield Finding("source_log_gap", path, f"it is missing, and sources/0/{number + 1} is there", (path,))


def _lost_compacts(numbers: set[int], compact: bool) -> list[int]:
    """Spark reads an entry that a compact file should hold from there, and every tenth is one."""
    newest = max(numbers, default=-1)
    due = (newest + 1) // 10 * 10 - 1
    return [due] if due >= 9 and not compact and due in numbers and newest > due else []


# state

def state_findings(seen: Seen) -> Iterator[Finding]:
    """What the newest batch is loaded from, then what is there beside it."""
    commits, batch = seen.commits(), seen.committed
    needed: set[str] = set()
    if batch in commits:
        for chain in state.chains(seen, commits, batch):
            needed.update(chain.files)
            for path in chain.missing:
                yield Finding("state_missing", path, _missing(seen, path, batch), (path,))
            for path in chain.files:
                yield from state.check(seen, path)
    if batch >= 0:
        yield from _schemas(seen)
    for path in sorted(seen.sizes):
        match = state.FILE.fullmatch(path)
        if match and path not in needed and _counts(commits, match, batch):
            yield from state.check(seen, path, old=True)


def _counts(commits: dict[int, logs.Commit], match: re.Match[str], batch: int) -> bool:
    """Whether its batch was committed with it: tasks that were cut off leave others, and half of them."""
    partition, version, own = int(match[1]), int(match[2]), match[3]
    commit = commits.get(version - 1)
    return version <= batch + 1 and (commit is None or own in commit.state_ids[partition:partition + 1])


def _missing(seen: Seen, path: str, batch: int) -> str:
    start = path.partition("_")[0] + "_"
    other = sorted(one for one in seen.sizes if one.startswith(start) and not one.endswith(".crc"))
    return f"it is missing, and batch {batch} is loaded from it" + (f"; there is {other[0]}" if other else "")


def _schemas(seen: Seen) -> Iterator[Finding]:
    partitions = max((len(one.state_ids) for one in seen.commits().values()), default=0)
    for path, parse in ((state.OPERATOR, lambda data: _operator(data, partitions)), (state.SCHEMA, _schema)):
        if path not in seen.sizes:
            yield Finding("state_schema_damaged", path, "it is missing", (path,))
        else:
            yield from _file(seen, path, "state_schema_damaged", parse)


_OPERATOR = re.compile(rb'v1\n\{"operatorInfo":\{"operatorId":0,"operatorName":"dedupeWithinWatermark"\},'
                       rb'"stateStoreInfo":\[\{"storeName":"default","numColsPrefixKey":0,"numPartitions":(\d+)\}\]\}')


def _operator(data: bytes, partitions: int) -> None:
    found = _OPERATOR.fullmatch(data)
    if not found or partitions and int(found[1]) != partitions:
        raise Bad("it is not of the one de-duplication, in its partitions: cut off, garbled or of another query")


def _row(*field: str) -> bytes:
    name, kind, nullable = field
    text = (f'{{"type":"struct","fields":[{{"name":"{name}","type":"{kind}","nullable":{nullable},"metadata":{{}}}}]}}'
            ).encode()
    return b"\0\0\0\1" + len(text).to_bytes(2, "big") + text


#: Version, key and value of the de-duplication on a tweet's identity.
SCHEMA = b"\0\2v2" + _row("identity", "long", "true") + _row("expiresAtMicros", "long", "false")


def _schema(data: bytes) -> None:
    if data != SCHEMA:
        raise Bad("it does not describe the identities of tweets: cut off, garbled or of another query")
