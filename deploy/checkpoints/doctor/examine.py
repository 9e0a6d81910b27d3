"""The whole examination of what was seen, and the newest batch from which a driver could go on. Pure."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from deploy.checkpoints.doctor import around, crossed, files, logs, state
from deploy.checkpoints.doctor.finding import Bad, Finding
from deploy.checkpoints.doctor.seen import Seen

#: Of the batches before: what later drivers remember, and whose commits know the state's ids.
_KEPT = 100


@dataclass(frozen=True)
class Report:
    """`findings`: damage and notes. `damaged`: what a driver that starts now would come upon."""

    seen: Seen
    findings: tuple[Finding, ...]

    @property
    def damage(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.damage)

    @property
    def damaged(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.damage if not one.old)

    @cached_property
    def spoiled(self) -> frozenset[str]:
        return frozenset(path for one in self.damage for path in one.spoils)

    @cached_property
    def good(self) -> int | None:
        """The newest batch that is whole: with all that a driver reads that goes on after it."""
        first = min((one.since for one in self.damage if one.since is not None), default=self.seen.committed + 1)
        return next((batch for batch in range(min(self.seen.committed, first - 1), -1, -1)
                     if self.needed(batch) is not None), None)

    def needed(self, batch: int) -> frozenset[str] | None:
        """What a driver reads that goes on after this batch; None where not all of it is whole."""
        offsets, commits = self.seen.offsets(), self.seen.commits()
        if batch not in offsets or batch not in commits or batch and batch - 1 not in offsets:
            return None
        log = self._log(offsets[batch])
        if log is None:
            return None
        found = {f"offsets/{batch}", f"commits/{batch}", state.OPERATOR, state.SCHEMA, *log}
        found |= {f"offsets/{batch - 1}"} if batch else set()
        for chain in state.chains(self.seen, commits, batch):
            found.update(chain.all)
            found.update(f"{path}.crc" for path in chain.files if f"{path}.crc" in self.seen.sizes)
            found.update(self._tables(chain.files))
        return frozenset(found) if found <= self.seen.sizes.keys() and not found & self.spoiled else None

    def kept(self, batch: int) -> frozenset[str]:
        """What goes into a generation that goes on after this batch: what is needed, and what tells of the batches just
        before it; without metadata."""
        found = set(self.needed(batch) or ())
        for number in range(batch, max(-1, batch - _KEPT), -1):
            both = {f"offsets/{number}", f"commits/{number}"}
            if not both <= self.seen.sizes.keys() or both & self.spoiled:
                break
            found |= both
        return frozenset(found)

    def _log(self, offsets: logs.Offsets) -> list[str] | None:
        """Of the source's log: through the batch's end, or all of it where it was compacted since; the next batch then
        takes what is beyond at once."""
        for found in (self.seen.source_log(offsets.end), self.seen.source_log()):
            numbers = [int(path.rpartition("/")[2].removesuffix(".compact")) for path in found]
            whole = not found or (found[0].endswith(".compact") or numbers[0] == 0) and \
                numbers == list(range(numbers[0], numbers[-1] + 1))
            if whole and max(numbers, default=-1) >= offsets.end and not self.spoiled.intersection(found):
                return found
        return None

    def _tables(self, paths: tuple[str, ...]) -> Iterator[str]:
        for path in paths:
            if path in self.seen.data and path.endswith(".zip"):
                with suppress(Bad):
                    yield from (f"{path.rpartition('/')[0]}/{name}" for name in state.tables_of(self.seen.data[path]))


def examine(seen: Seen) -> Report:
    """Nothing where no batch was begun and nobody says that one was: a first start is whole."""
    if seen.begun < 0 and seen.committed < 0:
        return Report(seen, tuple(around.findings(seen)))
    found = [*around.findings(seen), *files.findings(seen), *files.state_findings(seen), *crossed.findings(seen)]
    known: dict[tuple[str, str], Finding] = {}
    for one in found:
        known.setdefault((one.kind, one.file), one)
    return Report(seen, tuple(known.values()))
