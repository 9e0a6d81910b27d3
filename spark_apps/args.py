"""Arguments of the applications; what is wrong is said in one line, and ends them with 2."""
from __future__ import annotations

import argparse
from dataclasses import dataclass, field

from spark_apps.contract import HOUR_MS, MINUTE_MS, StreamPaths, check_stream, parse_day, parse_hour
from spark_apps.generations import CHECKPOINT_ROOT


@dataclass(frozen=True)
class StreamArgs:
    paths: StreamPaths
    generation: int
    epoch: int
    trigger_seconds: int
    max_files: int
    watermark: str              # as Spark's interval: 10 minutes
    shuffle_partitions: int
    from_hour: int | None = None    # ms; no landing file that arrived before it is taken


@dataclass(frozen=True)
class BatchArgs:
    """`hours`: through_ms by hour (ms); empty where the hours with late lines of `late_within_hours` are meant, or
    where nothing is sealed: then `verify` has the hours to verify, each with the through_ms of its seal."""

    paths: StreamPaths
    hours: dict[int, int]
    late_within_hours: int
    incomplete: str             # why the hours are not complete
    by: str
    verify: dict[int, int] = field(default_factory=dict)
    then_verify: bool = False
    purged: bool = False        # what of the hours changes was purged


@dataclass(frozen=True)
class RelatedArgs:
    """The sealed hours from `first` to `last` (ms, both included); where there is none, the newest `newest`."""

    paths: StreamPaths
    first: int | None
    last: int
    newest: int
    min_tweets: int
    by: str


@dataclass(frozen=True)
class GraphArgs:
    """The sealed hours of the day that begins at `day` (ms)."""

    paths: StreamPaths
    day: int
    min_tweets: int
    min_lift: float
    by: str


def stream_args(argv: list[str]) -> StreamArgs:
    parser = of_stream("hashtag_stream")
    for name in ("generation", "epoch", "trigger-seconds", "max-files", "shuffle-partitions"):
        parser.add_argument(f"--{name}", type=positive, required=True)
    add_checkpoint_root(parser)
    parser.add_argument("--watermark", required=True, help="how late a tweet may be, as in `10 minutes`")
    parser.add_argument("--from-hour", type=an_hour, metavar="HOUR",
                        help="take no landing file that arrived before it, as in 2026-03-01T10")
    found = parser.parse_args(argv)
    return StreamArgs(StreamPaths(found.stream, found.root, found.checkpoint_root), found.generation, found.epoch,
                      found.trigger_seconds, found.max_files, found.watermark, found.shuffle_partitions,
                      found.from_hour)


def batch_args(argv: list[str]) -> BatchArgs:
    parser = of_stream("hashtag_batch")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--hours", type=_hours, default={}, metavar="HOUR=MS,...",
                       help="hours to seal, each with the instant (ms) through which landing is read")
    which.add_argument("--late-within-hours", type=positive, default=0,
                       help="seal again those of the last so many hours for which later lines have arrived")
    which.add_argument("--verify", type=_hours, default={}, metavar="HOUR=MS,...",
                       help="hours to verify, each with the instant that it was sealed through; nothing is sealed")
    parser.add_argument("--then-verify", action="store_true", help="verify what has been sealed, too")
    parser.add_argument("--purged", action="store_true", help="keep what the counts lose by the seal as purged")
    parser.add_argument("--incomplete", default="", help="why the hours are not complete")
    parser.add_argument("--by", default="", help="who asked")
    found = parser.parse_args(argv)
    if found.verify and (found.then_verify or found.incomplete):
        parser.error("--then-verify and --incomplete go with a seal, not with --verify")
    return BatchArgs(StreamPaths(found.stream, found.root), found.hours, found.late_within_hours, found.incomplete,
                     found.by, found.verify, found.then_verify, found.purged)


def related_args(argv: list[str]) -> RelatedArgs:
    parser = of_stream("hashtag_related")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--from", dest="first", type=an_hour, metavar="HOUR", help="sealed hours from this on")
    which.add_argument("--newest", type=positive, default=24, help="so many of the newest sealed hours")
    parser.add_argument("--to", dest="last", type=an_hour, metavar="HOUR", help="included; the same hour by default")
    _add_usual(parser)
    found = parser.parse_args(argv)
    if found.last is not None and found.first is None:
        parser.error("--to goes with --from")
    last = found.first if found.last is None else found.last
    if found.first is not None and last < found.first:
        parser.error("--to is before --from")
    return RelatedArgs(StreamPaths(found.stream, found.root), found.first, last or 0, found.newest, found.min_tweets,
                       found.by)


def graph_args(argv: list[str]) -> GraphArgs:
    parser = of_stream("hashtag_graph")
    parser.add_argument("--day", type=_day, required=True, help="as in 2026-03-01")
    parser.add_argument("--min-lift", type=_lift, default=2.0, help="link tags that stand together so many times as "
                        "often as chance would have them")
    _add_usual(parser)
    found = parser.parse_args(argv)
    return GraphArgs(StreamPaths(found.stream, found.root), found.day, found.min_tweets, found.min_lift, found.by)


def _add_usual(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--min-tweets", type=positive, default=5, help="tags that stand together in fewer tweets are "
                        "not associated")
    parser.add_argument("--by", default="", help="who asked")


def of_stream(name: str, epilog: str = "") -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=name, allow_abbrev=False, epilog=epilog,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stream", type=a_stream, required=True)
    parser.add_argument("--root", default="/hashtide")
    return parser


def add_checkpoint_root(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint-root", type=_checkpoint_root, default="", metavar="URL",
                        help=f"where Spark keeps its checkpoint, as {CHECKPOINT_ROOT[1]} (default: HDFS)")


def positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 1 on")
    return int(text)


def a_stream(text: str) -> str:
    try:
        return check_stream(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _checkpoint_root(text: str) -> str:
    pattern, words = CHECKPOINT_ROOT
    if text and not pattern.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected {words}")   # what it was may hold a password
    return text


def an_hour(text: str) -> int:
    try:
        return parse_hour(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected an hour of UTC such as 2026-03-01T10") from None


def _day(text: str) -> int:
    try:
        return parse_day(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a day of UTC such as 2026-03-01") from None


def _lift(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number from 0 on, such as 2.0")
    return found


def _hours(text: str) -> dict[int, int]:
    found = {}
    for item in text.split(","):
        hour, _, through = item.partition("=")
        try:
            hour_ms, through_ms = parse_hour(hour), int(through)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{item!r}: expected HOUR=MS, as 2026-03-01T10=1772363400000") from None
        # Arrivals are accounted for by the minute.
        through_ms -= through_ms % MINUTE_MS
        if through_ms < hour_ms + HOUR_MS:
            raise argparse.ArgumentTypeError(f"{item!r}: the instant lies before the end of the hour")
        found[hour_ms] = through_ms
    return found
