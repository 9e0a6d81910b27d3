"""What was read of a checkpoint, and of what else tells of it; nothing here reads."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from deploy.checkpoints.doctor import logs
from deploy.checkpoints.doctor.finding import Bad
from spark_apps.contract import StreamPaths
from spark_apps.generations import Generation
from spark_apps.taken import log_files

T = TypeVar("T")


@dataclass(frozen=True)
class Told:
    """A batch that a driver told of after its commit, in a file of progress/batches, which was last written then."""

    epoch: int
    attempt: int
    batch: int
    watermark_ms: int | None
    end: int | None               # in the source's log
    query: str
    file: str
    file_ms: int
    generation: int = 0


@dataclass(frozen=True)
class Around:
    """What tells of a checkpoint from outside of it.

    published: the newest batch of this generation in counts_live, as its log says; None where that is not known or
    there is none. twice: batches that are in there twice. landing: modification times by path, of whole hours that were
    listed, of those asked for. queries: who says which id the query has.
    """

    told: tuple[Told, ...] = ()
    begun: tuple[Told, ...] = ()  # what drivers found in it when they started: not told by who committed it
    published: int | None = None
    twice: tuple[int, ...] = ()
    landing: Mapping[str, int] = field(default_factory=dict)
    hours: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()
    queries: Mapping[str, str] = field(default_factory=dict)
    opened_ms: int | None = None


@dataclass(frozen=True)
class Seen:
    """Paths are below `root`. `sizes`, `times`: of each file; `data`: of those that were read."""

    paths: StreamPaths
    generation: Generation
    root: str
    sizes: Mapping[str, int]
    times: Mapping[str, int]
    data: Mapping[str, bytes] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    ends: frozenset[str] = frozenset()      # of which only the end was read
    around: Around = field(default_factory=Around)

    def numbers(self, directory: str) -> list[int]:
        """Of files such as offsets/12."""
        return sorted(int(name) for name in self.names(directory) if name.isdecimal())

    def names(self, directory: str) -> list[str]:
        prefix = f"{directory}/"
        return [path.removeprefix(prefix) for path in self.sizes if path.startswith(prefix)]

    @property
    def committed(self) -> int:
        """The newest batch with a commit, -1 without."""
        return max(self.numbers("commits"), default=-1)

    @property
    def begun(self) -> int:
        """The newest batch with offsets, -1 without."""
        return max(self.numbers("offsets"), default=-1)

    def source_log(self, end: int | None = None) -> list[str]:
        """Files of the source's log that hold it, through the entry `end`, the oldest first."""
        names = [name for name in self.names("sources/0") if end is None or _number(name) <= end]
        return [f"sources/0/{name}" for name in log_files(names)]

    def parsed(self, path: str, parse: Callable[[bytes], T]) -> T | None:
        """None where it was not read, or is not sound."""
        try:
            return parse(self.data[path]) if path in self.data else None
        except Bad:
            return None

    def offsets(self) -> dict[int, logs.Offsets]:
        """Of those that are sound."""
        return dict(self._of("offsets", logs.offsets))

    def commits(self) -> dict[int, logs.Commit]:
        return dict(self._of("commits", logs.commit))

    def _of(self, directory: str, parse: Callable[[bytes], T]) -> Iterator[tuple[int, T]]:
        for number in self.numbers(directory):
            if (found := self.parsed(f"{directory}/{number}", parse)) is not None:
                yield number, found

    def entries(self, path: str) -> list[logs.Entry]:
        """Of a file of the source's log; none where it is not sound."""
        name = path.rpartition("/")[2]
        return self.parsed(path, lambda data: logs.entries(name, data, path in self.ends)) or []


def _number(name: str) -> int:
    text = name.removesuffix(".compact")
    return int(text) if text.isdecimal() else -1


def told_of(epoch: int, attempt: int, said: Mapping[str, Any], batch: tuple[int, Any] | None, file: str,
            file_ms: int, generation: int) -> Told:
    """A line of progress/batches; `batch`: as spark_apps.taken.batch_of_line has it."""
    of = batch[1] if batch else None
    return Told(epoch, attempt, int(said["batch_id"]), of.watermark_ms if of else None,
                of.source_offset if of else None, str(said.get("query") or ""), file, file_ms, generation)
