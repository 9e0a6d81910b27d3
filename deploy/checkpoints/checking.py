"""Whether a stream's checkpoint may go on with a release and parameters, before anything is launched.

The release itself says, in one local process of Spark, what it would make the checkpoint with; that is compared with
what the checkpoint was made with. Then it takes one synthetic batch on a clone, which is removed afterwards.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from deploy import landed
from deploy.backfill import span
from deploy.checkpoints import about, known, points, reach, savepoint
from deploy.checkpoints.copying import copy_tree, size_text
from deploy.checkpoints.local_spark import Application, run
from deploy.errors import HashtideError, Unreachable
from deploy.launch import Launcher
from deploy.spec import StreamSpec
from spark_apps import fingerprint, verdict
from spark_apps.contract import StreamPaths, generation_name, hour_name
from spark_apps.generations import Generation
from spark_apps.verdict import Difference, Judgement, Verdict
from spark_apps.windows import hours_of

#: A larger checkpoint is only compared: its copy would take minutes.
LARGEST_CLONE = 500_000_000
_LEFT_MS = 24 * 3_600_000
_COPY_TRIES = 3


@dataclass(frozen=True)
class Checked:
    """`begun`: whether the generation has a batch at all; `trial`: what was done of it, or why it was not; `items`:
    what the release makes a checkpoint with."""

    stream: str
    generation: int
    release: str
    judgement: Judgement
    begun: bool
    trial: str
    hours: tuple[int, ...] = ()     # that were counted in part before the change, where results change
    tried: bool = False             # a batch on a clone came through
    items: Mapping[str, str] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """The backfill that makes these hours one again."""
        if not self.hours:
            return ""
        first, last = hour_name(self.hours[0]), hour_name(self.hours[-1])
        return (f"deploy/hashtide backfill --stream {self.stream} --from {first}"
                + (f" --to {last}" if last != first else ""))

    @property
    def ways_on(self) -> str:
        verb, of = "deploy/hashtide checkpoint", f"--stream {self.stream}"
        accept = (f"`{verb} check {of} --release {self.release} --accept --why ...` lets it go on on your word, "
                  if self.judgement.needs_a_word else "")
        return (f"{accept}`{verb} fresh {of} --yes` begins an empty checkpoint for it, `{verb} check {of}` tells all")

    def as_json(self) -> dict[str, Any]:
        return {"stream": self.stream, "generation": generation_name(self.generation), "release": self.release,
                **self.judgement.as_json(), "trial": self.trial, "hours": list(map(hour_name, self.hours)),
                "backfill": self.command}

    def text(self) -> str:
        lines = [f"Release {self.release} on {generation_name(self.generation)} of stream {self.stream}: "
                 f"{self.judgement.verdict.words}"]
        lines += [f"  {one.text()}" for one in self.judgement.differences]
        lines.append(f"  trial: {self.trial}")
        if self.command:
            lines.append(f"  once {span(self.hours)} is over, this makes it whole: {self.command}")
        if not self.judgement.goes_on:
            lines.append(f"  {self.ways_on}")
        return "\n".join(lines)


def check(tools: Launcher, spec: StreamSpec, generation: Generation, app: Application,
          on_clone: bool = True, any_size: bool = False) -> Checked:
    """HashtideError where Spark cannot be run here, or the release says nothing. `any_size`: however long the clone
    takes."""
    paths = StreamPaths(spec.stream, tools.cluster.root)
    committed = points.committed(tools.hdfs, paths.checkpoint(generation.number))
    before = fingerprint.newest(tools.hdfs, paths, generation)
    words = list(spec.args(tools.cluster.root, generation, 1))
    size = about.size(tools.hdfs, paths.checkpoint(generation.number))
    if committed < 0 or not on_clone or size["bytes"] > LARGEST_CLONE and not any_size:
        told, trial = run(tools, app, "check", words), "none, " + (
            "the checkpoint has no batch yet" if committed < 0 else
            f"its {size_text(size['bytes'])} were not copied")
    else:
        with _clone(tools, paths, generation.number) as root:
            told = run(tools, app, "check", [*words, "--clone", root])
        trial = "one batch on a clone came through" if told.get("trial") else "none, the release says nothing of one"
    if told.get("error"):
        raise HashtideError(f"release {app.version} does not start: {told.get('error_class')}: {told['error'][:300]}")
    judgement = Judgement(Verdict.COMPATIBLE) if committed < 0 else (
        verdict.judge(before.items, told["items"]) if before else
        verdict.judge(None, told["items"], known.items(tools.hdfs, paths, generation, committed)))
    tried = told.get("trial") or {}
    if tried.get("error_class"):
        trial = f"{tried['error_class']}: {tried['error'][:300]}"
        judgement = _with_trial(judgement, tried)
    # What was counted so far may be another thing also where nobody knows.
    changes = judgement.needs_a_word or judgement.verdict == Verdict.RESULTS_CHANGE
    hours = _hours(tools, paths, generation) if changes else ()
    return Checked(spec.stream, generation.number, app.version, judgement, committed >= 0, trial, hours,
                   bool(tried) and not tried.get("error_class"), told["items"])


def _with_trial(found: Judgement, tried: dict[str, Any]) -> Judgement:
    refused = Difference("trial", None, str(tried["error_class"]), Verdict.CANNOT_RUN,
                         f"Spark ends with it on a clone of the checkpoint: {str(tried['error'])[:200]}")
    return Judgement(Verdict.CANNOT_RUN, (*found.decisive(), refused, *(
        one for one in found.differences if one not in found.decisive())) if found.verdict == Verdict.CANNOT_RUN
        else (refused, *found.differences))


def _hours(tools: Launcher, paths: StreamPaths, generation: Generation) -> tuple[int, ...]:
    """Hours of events that are not sealed, and were counted before the change: from the watermark on, until now."""
    batch = points.batch_of(tools.hdfs, points.of_generation(tools.hdfs, paths, generation.number))
    now = tools.now_ms()
    first = min(batch.watermark_ms, now) if batch and batch.watermark_ms > 0 else now - landed.LATENESS_MS
    return tuple(sorted(set(hours_of(first, now + 1)) - reach.sealed(tools.hdfs, paths)))


# the clone

@contextmanager
def _clone(tools: Launcher, paths: StreamPaths, generation: int) -> Iterator[str]:
    """A root of its own with the checkpoint through its newest committed batch, gone afterwards."""
    trials = f"{tools.cluster.root}/trial"
    _sweep(tools, trials)
    root = f"{trials}/{paths.stream}-{tools.new_id()[:12]}"
    try:
        _copy(tools, paths.checkpoint(generation), replace(paths, root=root).checkpoint(generation))
        yield root
    finally:
        tools.hdfs.delete(root, recursive=True)


def _copy(tools: Launcher, source: str, target: str) -> None:
    for left in reversed(range(_COPY_TRIES)):
        try:
            copy_tree(tools.hdfs, source, target, partial(savepoint.is_of, points.committed(tools.hdfs, source)))
            return
        except Unreachable:
            raise
        except HashtideError:
            # A driver that runs goes on meanwhile, and deletes what it needs no more.
            tools.hdfs.delete(target, recursive=True)
            if not left:
                raise


def _sweep(tools: Launcher, trials: str) -> None:
    """Those of checks that were cut off."""
    for name, status in tools.hdfs.statuses(trials).items():
        if tools.now_ms() - int(status["modificationTime"]) > _LEFT_MS:
            tools.hdfs.delete(f"{trials}/{name}", recursive=True)
