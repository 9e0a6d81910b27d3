"""An interactive session over a stream's tables and landing, or a script in one: `deploy/hashtide shell` starts it."""
from __future__ import annotations

import argparse
import code
import importlib
import inspect
import pkgutil
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import add, sub
from pathlib import Path
from types import FunctionType
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from spark_apps import catalogue, examples, graph, related, session, transforms
from spark_apps.contract import StreamPaths
from spark_apps.files import Files

_TELLING = {
    "spark": "the session; the tables are in its catalogue, as in spark.sql('SELECT * FROM current_counts')",
    "counts": "final counts of the sealed hours, by (window_start, tag, form)",
    "counts_live": "increments of each batch of the stream, without what a restore has undone",
    "fates": "how many lines of an hour had which fate",
    "ledger": "each sealed hour: revision, and the account of its lines",
    "related": "which tags go together, as hashtag_related has learnt",
    "graph_tags": "PageRank, component and community of the tags of a day, as hashtag_graph has found",
    "graph_links": "the links between them",
    "landing": "lines as they arrived: value, file, dt, hr; landing.transform(read_lines).transform(tag) are tweets",
}


def options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="shell")
    parser.add_argument("--stream", required=True)
    parser.add_argument("--root", required=True, help="with its scheme, such as hdfs://host:8020/hashtide")
    parser.add_argument("--conf", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--code")
    parser.add_argument("--file", type=Path)
    return parser.parse_args(argv)


def names(spark: SparkSession, paths: StreamPaths) -> dict[str, Any]:
    """What the session offers by name: `spark`, a DataFrame for each table that is there and for landing, F, T, and
    the functions of spark_apps.transforms."""
    files = Files(spark, paths.base)
    context, scratch = spark.sparkContext, paths.scratch(spark.sparkContext.applicationId)
    found: dict[str, Any] = {"spark": spark, "F": F, "T": T, "paths": paths, "scratch": scratch, "add": add, "sub": sub,
                             "baskets": related.baskets, "rules": related.rules, "links": graph.links,
                             "look": graph.look, "tweets": examples.tweets, **functions(),
                             "dstream": examples.dstream_of(context, scratch),
                             "lineage": examples.lineage_of(context, scratch)}
    for name in catalogue.register(spark, files, paths):
        found[name] = spark.table(name)
    if any(name.startswith("dt=") for name in files.list(paths.landing)):
        lines = spark.read.format("text").option("lineSep", "\n").option("pathGlobFilter", "*.jsonl")
        found["landing"] = lines.load(paths.landing).select("value", F.col("_metadata.file_name").alias("file"),
                                                            "dt", "hr")
    return found


def functions() -> dict[str, FunctionType]:
    """The public functions of every module of spark_apps.transforms."""
    modules = [importlib.import_module(f"{transforms.__name__}.{found.name}")
               for found in pkgutil.iter_modules(transforms.__path__)]
    return {name: value for module in modules for name, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")}


def banner(spark: SparkSession, paths: StreamPaths, found: dict[str, Any]) -> str:
    lines = [f"Stream {paths.stream} at {paths.root}, Spark {spark.version} on {spark.sparkContext.master}"]
    lines += [f"  {name:<12} {text if name in found else 'nothing there yet'}" for name, text in _TELLING.items()]
    offered = ", ".join(sorted(functions()))
    return "\n".join([*lines, f"  F, T         pyspark.sql.functions and types; transforms: {offered}",
                      "Each idea of this design as a line to type:", examples.banner()])


def run(spark: SparkSession, args: argparse.Namespace) -> int:
    """The exit code: that of the script, 1 where it raised; SystemExit passes through."""
    paths = StreamPaths(args.stream, args.root)
    found = {"__name__": "__main__", "__builtins__": __builtins__, **names(spark, paths)}
    if args.code is None and args.file is None and sys.stdin.isatty():
        interact(found, banner(spark, paths, found))
        return 0
    if args.file is not None:
        sys.path.append(str(args.file.resolve().parent))   # what it imports from beside it
        found["__file__"] = str(args.file)
        return execute(args.file.read_text(encoding="utf-8"), str(args.file), found)
    if args.code is not None:
        return execute(args.code, "<command>", found)
    return execute(sys.stdin.read(), "<stdin>", found)


def execute(source: str, name: str, found: dict[str, Any]) -> int:
    try:
        exec(compile(source, name, "exec"), found)  # noqa: S102
    except Exception as error:
        # Without our own frames: the script's are what its writer looks for.
        traceback.print_exception(error.with_traceback(error.__traceback__ and error.__traceback__.tb_next))
        return 1
    return 0


def interact(found: dict[str, Any], text: str) -> None:
    try:
        import readline
        import rlcompleter
    except ImportError:
        pass
    else:
        readline.set_completer(rlcompleter.Completer(found).complete)
        readline.parse_and_bind("tab: complete")
    code.InteractiveConsole(found).interact(banner=text, exitmsg="")


def end(spark: SparkSession) -> None:
    """Stops the session and waits for its JVM, which otherwise ends some time after us."""
    gateway: Any = spark.sparkContext._gateway
    spark.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    try:
        gateway.proc.wait(timeout=30)
    except subprocess.TimeoutExpired:
        gateway.proc.kill()


@contextmanager
def opened(conf: Sequence[str], name: str) -> Iterator[SparkSession]:
    """A session of these KEY=VALUE, that leaves no process and no file behind."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, frame: sys.exit(128 + got))
    with tempfile.TemporaryDirectory(prefix="hashtide-shell-", ignore_cleanup_errors=True) as scratch:
        settings = dict(one.split("=", 1) for one in conf)
        spark = session.build(name, {
            "spark.local.dir": scratch, "spark.sql.warehouse.dir": f"file:{scratch}/warehouse", **settings})
        try:
            if not str(spark.sparkContext.master).startswith("local"):
                package = Path(__file__).parent
                spark.sparkContext.addPyFile(
                    shutil.make_archive(f"{scratch}/app", "zip", root_dir=package.parent, base_dir=package.name))
            yield spark
        finally:
            end(spark)


def main(argv: Sequence[str]) -> int:
    args = options(argv)
    with opened(args.conf, "hashtide shell") as spark:
        paths = StreamPaths(args.stream, args.root)
        scratch = paths.scratch(spark.sparkContext.applicationId)
        try:
            return run(spark, args)
        finally:
            Files(spark, paths.base).remove(scratch)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
