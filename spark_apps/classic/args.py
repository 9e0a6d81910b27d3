"""Arguments of hashtag_classic."""
from __future__ import annotations

from dataclasses import dataclass

from spark_apps.args import a_stream, add_checkpoint_root, an_hour, of_stream, positive
from spark_apps.classic.intervals import Intervals
from spark_apps.contract import StreamPaths

EPILOG = """Spark calls DStreams legacy: no event time, no late tweets, no de-duplication. For anything but to learn
from or to compare with, there is hashtag_stream.

example: spark-submit hashtag_classic.py --stream hashtags --generation 1 --epoch 1 --max-files 60
         --batch-interval 10 --window 300 --slide 60"""


@dataclass(frozen=True)
class ClassicArgs:
    paths: StreamPaths
    generation: int
    epoch: int
    intervals: Intervals
    max_files: int
    landing: StreamPaths        # whose landing files are counted, and whose sealed hours are gone on from
    from_hour: int | None = None    # ms; no landing file that arrived before it is taken
    checkpoint_root: str = ""       # of what Spark writes; what this engine itself writes down is in HDFS


def classic_args(argv: list[str]) -> ClassicArgs:
    found_by = of_stream("hashtag_classic", EPILOG)
    for name in ("generation", "epoch", "max-files"):
        found_by.add_argument(f"--{name}", type=positive, required=True)
    for name, default, text in (("batch-interval", 10, "between two batches"), ("window", 300, "that a window has"),
                                ("slide", 60, "between two windows")):
        found_by.add_argument(f"--{name}", type=positive, default=default, metavar="S",
                              help=f"seconds {text}, a whole multiple of the batch interval (default: %(default)s)")
    found_by.add_argument("--landing", type=a_stream, metavar="STREAM",
                          help="count the landing files of this stream, beside its own engine (default: its own)")
    found_by.add_argument("--from-hour", type=an_hour, metavar="HOUR",
                          help="take no landing file that arrived before it, as in 2026-03-01T10")
    add_checkpoint_root(found_by)
    found = found_by.parse_args(argv)
    try:
        intervals = Intervals(found.batch_interval, found.window, found.slide)
    except ValueError as error:
        found_by.error(str(error))
    return ClassicArgs(StreamPaths(found.stream, found.root), found.generation, found.epoch, intervals,
                       found.max_files, StreamPaths(found.landing or found.stream, found.root), found.from_hour,
                       found.checkpoint_root)
