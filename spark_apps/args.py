"""Arguments of the two applications; what is wrong is said in one line, and ends them with 2."""
from __future__ import annotations

import argparse
from dataclasses import dataclass, field

from spark_apps.contract import HOUR_MS, MINUTE_MS, StreamPaths, check_stream, parse_hour


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


def stream_args(argv: list[str]) -> StreamArgs:
    parser = _parser("hashtag_stream")
    for name in ("generation", "epoch", "trigger-seconds", "max-files", "shuffle-partitions"):
        parser.add_argument(f"--{name}", type=_positive, required=True)
    parser.add_argument("--watermark", required=True, help="how late a tweet may be, as in `10 minutes`")
    parser.add_argument("--from-hour", type=_hour, metavar="HOUR",
                        help="take no landing file that arrived before it, as in 2026-03-01T10")
    found = parser.parse_args(argv)
    return StreamArgs(StreamPaths(found.stream, found.root), found.generation, found.epoch, found.trigger_seconds,
                      found.max_files, found.watermark, found.shuffle_partitions, found.from_hour)


def batch_args(argv: list[str]) -> BatchArgs:
    parser = _parser("hashtag_batch")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--hours", type=_hours, default={}, metavar="HOUR=MS,...",
                       help="hours to seal, each with the instant (ms) through which landing is read")
    which.add_argument("--late-within-hours", type=_positive, default=0,
                       help="seal again those of the last so many hours for which later lines have arrived")
    which.add_argument("--verify", type=_hours, default={}, metavar="HOUR=MS,...",
                       help="hours to verify, each with the instant that it was sealed through; nothing is sealed")
    parser.add_argument("--then-verify", action="store_true", help="verify what has been sealed, too")
    parser.add_argument("--incomplete", default="", help="why the hours are not complete")
    parser.add_argument("--by", default="", help="who asked")
    found = parser.parse_args(argv)
    if found.verify and (found.then_verify or found.incomplete):
        parser.error("--then-verify and --incomplete go with a seal, not with --verify")
    return BatchArgs(StreamPaths(found.stream, found.root), found.hours, found.late_within_hours, found.incomplete,
                     found.by, found.verify, found.then_verify)


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=name, allow_abbrev=False)
    parser.add_argument("--stream", type=_stream, required=True)
    parser.add_argument("--root", default="/hashtide")
    return parser


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 1 on")
    return int(text)


def _stream(text: str) -> str:
    try:
        return check_stream(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _hour(text: str) -> int:
    try:
        return parse_hour(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected an hour of UTC such as 2026-03-01T10") from None


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
