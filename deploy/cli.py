"""`deploy/hashtide VERB`: human text by default, --json where a program may read it.

Exit codes: 0 done, 1 the answer is no, 2 wrong use, 3 a dependency is unreachable.
"""
from __future__ import annotations

import errno
import os
import sys
from typing import NoReturn

from deploy.config import home
from deploy.errors import HashtideError
from deploy.verbs import (
    alerts,
    analyse,
    backfill,
    bench,
    checkpoint,
    drill,
    gaps,
    graph,
    ingest,
    lab,
    ledger,
    local,
    metrics,
    purge,
    related,
    results,
    shell,
    sql,
    stream,
    tests,
    verify,
    watchdog,
)
from deploy.verbs.parsing import Parser

EPILOG = """\
examples:
  deploy/hashtide up                          start everything on this machine, end with the top tags
  deploy/hashtide top --minutes 5 --json      what is being tweeted
  deploy/hashtide related KPOP                which hashtags go with one
  deploy/hashtide graph --out graph.svg       the graph of a day's hashtags, drawn
  deploy/hashtide status                      every process, the stream, how fresh its counts are
  deploy/hashtide stream stop                 finish the running batch, then stop
  deploy/hashtide backfill --from 2026-03-01T10 --to 2026-03-01T12
  deploy/hashtide verify --from 2026-03-01T10    why stream and seal differ, row by row
  deploy/hashtide alerts                      what fires, since when, and whether somebody was told
  deploy/hashtide gaps                        when nothing was received, and why
  deploy/hashtide ingest replay tweets.jsonl.gz --stream archive
  deploy/hashtide purge --ids deleted.jsonl   what of deleted tweets is kept, and where; --yes takes it away
  deploy/hashtide checkpoint savepoint before-upgrade
  deploy/hashtide lab up                      three hosts to try the Ansible roles on
  deploy/hashtide artifacts                   what those roles install
  deploy/hashtide down                        stop what `up` started; data stays

exit codes: 0 done, 1 the answer is no, 2 wrong use, 3 a dependency is unreachable
"""


def parser() -> Parser:
    top = Parser(
        prog="hashtide", epilog=EPILOG,
        description="A fault-tolerant hashtag tracker on Spark Structured Streaming, YARN, HDFS and Airflow.")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    for family in (local, results, analyse, related, graph, sql, shell, stream, watchdog, alerts, metrics, checkpoint,
                   backfill, ledger, verify, gaps, ingest, purge, bench, drill, tests, lab):
        family.add_to(verbs)
    return top


def main(argv: list[str] | None = None) -> int:
    try:
        args = parser().parse(argv)
        return int(args.run(args))
    except HashtideError as error:
        print(f"hashtide: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("hashtide: interrupted; `deploy/hashtide status` shows what runs", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader went away, as `| head` does; keep the interpreter from complaining while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        print(f"hashtide: {told(error)}", file=sys.stderr)
        return 1


def told(error: OSError) -> str:
    """What the system refused, in one line, and the way out where there is one."""
    where = f"{error.filename}: " if error.filename else ""
    what = error.strerror or " ".join(str(error).split())[:300] or type(error).__name__
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{where}{what}: make room, or set HASHTIDE_HOME ({home()}) to another disk; then run the same again"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{where}{what}: run as the user who owns it, or set HASHTIDE_HOME ({home()}) to a directory of yours"
    return f"{where}{what}"


def run_and_leave() -> NoReturn:
    """Without the interpreter's own end: threads of Arrow that have read through Python may wake during it, and abort
    the process with `terminate called without an active exception` after all was said."""
    code = main()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = 141
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    run_and_leave()
