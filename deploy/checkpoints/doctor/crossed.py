"""What one file says against what the others say, and against what the drivers and landing say. Pure.

A byte that leaves a file well-formed is found here: watermarks and ends of batches are written down in several places,
each landing file with its time in the source's log and in HDFS, and what was written again is newer than what followed.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from deploy.checkpoints.doctor import logs, state
from deploy.checkpoints.doctor.finding import Finding
from deploy.checkpoints.doctor.seen import Seen, Told
from spark_apps.contract import LandingFile

#: NameNodes that take over from one another need not have the same second.
SLACK_MS = 5_000
_AT_ONCE_MS = 30_000


def findings(seen: Seen) -> Iterator[Finding]:
    offsets, commits = seen.offsets(), seen.commits()
    yield from _neighbours(offsets, commits)
    yield from _settings(seen, offsets, commits)
    yield from _told(seen, offsets)
    yield from _ends(seen, offsets)
    yield from _landing(seen)
    yield from _times(seen)


def _neighbours(offsets: dict[int, logs.Offsets], commits: dict[int, logs.Commit]) -> Iterator[Finding]:
    for number, now in offsets.items():
        path, done, after = f"offsets/{number}", commits.get(number), offsets.get(number + 1)
        if done and done.next_watermark_ms < now.watermark_ms:
            yield _contradicted(path, f"its watermark {now.watermark_ms} is above {done.next_watermark_ms}, which "
                                      f"commits/{number} hands on", f"commits/{number}")
        if done and after and done.next_watermark_ms != after.watermark_ms:
            yield _contradicted(f"commits/{number}", f"it hands on the watermark {done.next_watermark_ms}, and "
                                f"offsets/{number + 1} has {after.watermark_ms}", f"offsets/{number + 1}")
        for what, one, other in (("ends in the source's log", now.end, after.end if after else now.end),
                                 ("was planned at", now.time_ms, after.time_ms if after else now.time_ms)):
            if one > other:
                yield _contradicted(path, f"it {what} {one}, and the batch after it {other}", f"offsets/{number + 1}")


def _contradicted(path: str, what: str, *others: str) -> Finding:
    return Finding(f"{path.partition('/')[0]}_contradicted", path, what, (path, *others))


def _settings(seen: Seen, offsets: dict[int, logs.Offsets], commits: dict[int, logs.Commit]) -> Iterator[Finding]:
    """Spark takes them from the newest offsets for the life of a checkpoint; another Spark may add and drop some."""
    before: logs.Offsets | None = None
    usual = Counter(one.conf for one in offsets.values())
    for number, one in offsets.items():
        if before and _garbled(dict(before.conf), dict(one.conf)):
            # Of the two the one is wrong that fewer say.
            odd = number if usual[one.conf] <= usual[before.conf] else number - 1
            wrong = sorted(set(before.conf) ^ set(one.conf))[0]
            yield Finding("other_configuration", f"offsets/{odd}", f"{wrong[0]} = {wrong[1]} stands in one of "
                          f"offsets/{number - 1} and offsets/{number} alone", (f"offsets/{odd}",))
        before = one
    partitions = seen.generation.shuffle_partitions or Counter(one.partitions for one in offsets.values()).most_common(
        1)[0][0] if offsets else 0
    for path, count in [*((f"offsets/{n}", one.partitions) for n, one in offsets.items()),
                        *((f"commits/{n}", len(one.state_ids)) for n, one in commits.items())]:
        if partitions and count != partitions:
            yield Finding("other_configuration", path, f"{count} partitions of state, the generation has {partitions}",
                          (path,))


def _garbled(before: dict[str, str], after: dict[str, str]) -> bool:
    """Whether a value is another one, or a name under the same value."""
    gone, new = before.keys() - after.keys(), after.keys() - before.keys()
    renamed = len(gone) == len(new) == 1 and before[min(gone)] == after[min(new)]
    return renamed or any(before[name] != after[name] for name in before.keys() & after.keys())


def _told(seen: Seen, offsets: dict[int, logs.Offsets]) -> Iterator[Finding]:
    for one in (*seen.around.told, *seen.around.begun):
        found = offsets.get(one.batch)
        if found is None or one.watermark_ms is None or one.end is None:
            continue
        for what, here, there in (("watermark", found.watermark_ms, one.watermark_ms),
                                  ("end in the source's log", found.end, one.end)):
            if here != there:
                yield _contradicted(f"offsets/{one.batch}", f"its {what} is {here}, and the driver of epoch "
                                    f"{one.epoch} told of {there}")


def _ends(seen: Seen, offsets: dict[int, logs.Offsets]) -> Iterator[Finding]:
    """No batch ends behind the source's log."""
    numbers = [int(path.rpartition("/")[2].removesuffix(".compact")) for path in seen.source_log()]
    last, newest = max(numbers, default=-1), max(offsets, default=-1)
    behind = [number for number, one in offsets.items() if one.end > last]
    if behind:
        first = min(behind)
        lost = tuple(f"sources/0/{number}" for number in range(last + 1, max(one.end for one in offsets.values()) + 1))
        yield Finding("source_log_gap", lost[0], f"it is missing: batch {first} to {newest} took it", lost[:1000])


def _landing(seen: Seen) -> Iterator[Finding]:
    taken: dict[str, int] = {}
    entries = [(path, one) for path in seen.source_log() for one in seen.entries(path)]
    named = {one.path for _, one in entries}
    # What a path with another byte in it should have been is still there, and nobody names it.
    unnamed = {at for path, at in seen.around.landing.items() if path not in named}
    done = max((one.end for number, one in seen.offsets().items() if number <= seen.committed), default=-1)
    for path, one in entries:
        if why := _wrong(seen, one, one.number > done or one.time_ms in unnamed):
            yield Finding(*why, (path,))
        elif one.path in taken:
            yield Finding("source_log_contradicted", path, f"{one.path} is in it twice, as entry {taken[one.path]} and "
                          f"{one.number}", (path,))
        taken[one.path] = one.number


def _wrong(seen: Seen, one: logs.Entry, wanted: bool) -> tuple[str, str, str] | None:
    path, landing = f"sources/0/{one.number}", seen.paths.landing
    if not one.path.startswith(f"{landing}/"):
        return "foreign_checkpoint", path, f"it took {one.path}, and landing is {landing}"
    arrival = _arrival(one.path)
    if arrival is None or one.path != f"{seen.paths.landing_hour(arrival)}/{one.path.rpartition('/')[2]}":
        return "source_log_contradicted", path, f"{one.path} is no landing file"
    if one.path.rpartition("/")[0] not in seen.around.hours:
        return None
    there = seen.around.landing.get(one.path)
    if there is None and not wanted:
        return None   # landing is deleted in time
    if there is None:
        return "source_log_contradicted", path, f"landing has no {one.path}"
    if there != one.time_ms:
        return "source_log_contradicted", path, f"{one.path} is of {one.time_ms} by it, and of {there} in landing"
    return None


def _arrival(path: str) -> int | None:
    try:
        return LandingFile.parse(path.rpartition("/")[2]).last_ms
    except ValueError:
        return None


def _times(seen: Seen) -> Iterator[Finding]:
    """What a driver wrote in this order is not out of it; nor is what a restore copied newer than its generation. Of a
    savepoint the times may be those of its copies."""
    if seen.root != seen.paths.checkpoint(seen.generation.number):
        return
    told: dict[int, Told] = {one.batch: one for one in sorted(seen.around.told, key=lambda one: one.file_ms)}
    inherited = -1 if seen.generation.fresh else seen.generation.through_batch
    found = []
    for path, batch in _batch_of(seen):
        written, bounds = seen.times[path], []
        if batch <= inherited:
            bounds.append((seen.around.opened_ms, f"generation {seen.generation.number} was opened"))
        else:
            if batch in told:
                bounds.append((told[batch].file_ms, f"epoch {told[batch].epoch} told of batch {batch}"))
            bounds += [(seen.times.get(f"commits/{batch}"), f"commits/{batch}")] * (path != f"commits/{batch}")
            bounds.append((seen.times.get(f"offsets/{batch + 1}"), f"offsets/{batch + 1}"))
        late = [(at, what) for at, what in bounds if at is not None and written > at + SLACK_MS]
        if late:
            at, what = late[0]
            found.append(Finding("altered", path, f"it was written {(written - at) // 1000} s after {what}", (path,)))
    found += _late_sums(seen, inherited)
    files = [path for path, _ in _batch_of(seen)]
    if len(files) > 3 and len(found) >= 0.9 * len(files):
        yield Finding("copied", seen.root, f"{len(found)} of {len(files)} files")
    else:
        yield from found


def _late_sums(seen: Seen, inherited: int) -> Iterator[Finding]:
    """A snapshot and its checksum come at any time, and at the same, but for an outage between the two: no reason to
    start nothing, since the sums are checked."""
    for path, at in seen.times.items():
        match, sums = state.FILE.fullmatch(path), seen.times.get(f"{path}.crc")
        if match and match[4] == "zip" and sums and int(match[2]) > inherited + 1 and abs(sums - at) > _AT_ONCE_MS:
            newer = path if at > sums else f"{path}.crc"
            yield Finding("altered", newer, f"it was written {abs(sums - at) // 1000} s after its other half", (newer,),
                          old=True)


def _batch_of(seen: Seen) -> Iterator[tuple[str, int]]:
    """Files that were written in a batch, and it."""
    ends, commits = {number: one.end for number, one in seen.offsets().items()}, seen.commits()
    for path in seen.sizes:
        kind, _, name = path.partition("/")
        if kind in ("offsets", "commits") and name.isdecimal():
            yield path, int(name)
        elif match := state.FILE.fullmatch(path.removesuffix(".crc")):
            batch = int(match[2]) - 1
            # A snapshot comes when there is time for it, and what a task of an older driver leaves counts for nothing.
            if match[4] == "changelog" and batch in commits and match[3] in commits[batch].state_ids:
                yield path, batch
        elif path.startswith("sources/0/"):
            entry = path.rpartition("/")[2].removesuffix(".compact")
            taken = min((n for n, end in ends.items() if entry.isdecimal() and end >= int(entry)), default=None)
            if taken is not None:
                yield path, taken
