"""The command line of ingest: what it takes, and every fault of it at once."""
from __future__ import annotations

import argparse
import json
import os
import re
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

from spark_apps.contract import MAX_FILE_SPAN_MS, SOURCE_NAME, check_stream
from spark_apps.ingest.errors import WrongUse
from spark_apps.ingest.spend import PRICE_USD, Limits

_X = "https://api.x.com"
_TOKEN = re.compile(r"[!-~]+")
_EXAMPLES = """examples:
  X_BEARER_TOKEN=... %(prog)s run --stream hashtags --webhdfs http://nn1:9870,http://nn2:9870 \\
      --spool /var/spool/hashtide --source x --rule '#hadoop lang:en'
  %(prog)s run --stream hashtags --webhdfs http://127.0.0.1:9870 --spool spool --source simulator \\
      --url http://127.0.0.1:8950 --token-file simulator.token
  %(prog)s run ... --backfill --max-posts-day 50000 --max-posts-month 1000000
  %(prog)s rules --stream hashtags --rules-file rules.txt           # says what would change; --yes does it
  zcat 2026-*.gz | %(prog)s replay --stream archive --webhdfs http://127.0.0.1:9870 --spool spool -- more.jsonl.gz -

SIGTERM or ^C ends `run` within 5 seconds, exit 0; what is not landed by then stays in the spool for the next start.
exit codes: 0 done, 1 refused (a token, a rule, a limit of posts), 2 wrong use, 3 HDFS or the platform does not answer
"""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise WrongUse(f"{message}; see --help")


def parser() -> argparse.ArgumentParser:
    top = Parser(prog="ingest", description="Tweets into the landing directory of a stream.", epilog=_EXAMPLES,
                  formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    verbs = top.add_subparsers(dest="verb", metavar="run|rules|replay", required=True)
    run = _verb(verbs, "run", "read the filtered stream until a signal ends it")
    _platform(run)
    run.add_argument("--max-posts-day", type=_count, metavar="N", help="ingest ends, and does not start again before "
                     "the next day of UTC, where so many posts were read; warns at four fifths")
    run.add_argument("--max-posts-month", type=_count, metavar="N", help="the same for the month")
    run.add_argument("--price", type=float, default=PRICE_USD, metavar="USD", help="of a post read (%(default)s)")
    run.add_argument("--backfill", action="store_true", help="after a gap ask for what was missed, up to 5 minutes, "
                     "where the token is entitled to it; without it, or refused, the gap stays open")
    run.add_argument("--search", action="store_true", help="what no backfill brings of a gap is found by recent "
                     "search, by the stream's rules and at most a week back; its posts are billed as others are")
    run.add_argument("--max-spool-mb", type=int, default=10_240, help="reading stops where so much waits for HDFS; an "
                     "alarm comes at four fifths of it, or of what the disk has room for (default: %(default)s)")
    run.add_argument("--hurry", type=float, default=1.0, metavar="N", help="for trials against a simulator on this "
                     "machine: waits and the budget of connects pass N times as fast")
    run.add_argument("--max-seconds", type=float, default=5.0, help="a landing file spans at most this (%(default)s)")
    run.add_argument("--max-mb", type=int, default=32, help="a landing file has at most this many MB (%(default)s)")
    rules = _verb(verbs, "rules", "compare the stream's rules with the platform's; say what would change", local=False)
    _platform(rules)
    rules.add_argument("--yes", action="store_true", help="change them")
    rules.add_argument("--json", action="store_true", help="say it in JSON")
    again = _verb(verbs, "replay", "land archives by the time at which their tweets were sent")
    again.add_argument("--source", default="replay", help="name of this writer (default: %(default)s)")
    again.add_argument("--json", action="store_true", help="say in JSON what was landed")
    again.add_argument("files", nargs="+", metavar="FILE", help="v2 records or pages, v1.1 statuses; plain or "
                       "compressed; - is standard input")
    return top


def _platform(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--source", default="x",
                      help="name of this writer in file names and marks (default: %(default)s)")
    verb.add_argument("--url", help=f"address of the platform (default for the source x: {_X})")
    verb.add_argument("--token-file", type=Path, help="file with the bearer token (default: X_BEARER_TOKEN)")
    verb.add_argument("--token-connection", metavar="ID", help="a connection of Airflow whose password is the bearer "
                      "token, as the environment has it: AIRFLOW_CONN_<ID>, in JSON or as a URI")
    verb.add_argument("--rule", action="append", default=[], help="the stream's rules become these; repeatable")
    verb.add_argument("--rules-file", type=Path, help="rules, one a line; lines that begin with `# ` are comments")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 1 on")
    return int(text)


def _verb(verbs: Any, name: str, text: str, local: bool = True) -> argparse.ArgumentParser:
    verb: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text.capitalize() + ".",
                                                     epilog=_EXAMPLES.replace("%(prog)s", "ingest"), allow_abbrev=False,
                                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    verb.add_argument("--stream", required=True)
    if not local:
        return verb
    verb.add_argument("--root", default="/hashtide", help="in HDFS (default: %(default)s)")
    verb.add_argument("--webhdfs", required=True, metavar="URL[,URL]", help="http://host:port of every NameNode")
    verb.add_argument("--user", default="", help="whom HDFS sees (default: who runs this)")
    verb.add_argument("--kerberos", action="store_true", help="HDFS asks for a ticket: that of `kinit`, or of --keytab")
    verb.add_argument("--keytab", default="", help="with the key of --principal")
    verb.add_argument("--principal", default="", help="such as hashtide/host.example.org@EXAMPLE.ORG")
    verb.add_argument("--spool", type=Path, required=True, help="directory for what has not been landed yet")
    verb.add_argument("--clock-offset-ms", type=int, default=0, help="shift of the clock that tells the arrival")
    return verb


def check(args: argparse.Namespace) -> None:
    """WrongUse names every fault at once."""
    faults = []
    try:
        check_stream(args.stream)
    except ValueError as error:
        faults.append(str(error))
    if not SOURCE_NAME.fullmatch(args.source):
        faults.append(f"--source {args.source!r}: expected a lower-case letter, then up to 39 of a-z, 0-9 and _")
    urls = []
    if args.verb != "rules":
        args.webhdfs = [url.strip().rstrip("/") for url in args.webhdfs.split(",") if url.strip()]
        urls += [("--webhdfs", url) for url in args.webhdfs or [""]]
        if bool(args.keytab) != bool(args.principal) or args.keytab and not args.kerberos:
            faults.append("--keytab and --principal go together, and with --kerberos")
    if args.verb != "replay":
        args.url = args.url or (_X if args.source == "x" else "")
        urls.append(("--url", args.url))
    if args.verb == "rules" and not args.rule and not args.rules_file:
        faults.append("which rules? give --rules-file or --rule; an empty file deletes all of the stream's own")
    if args.verb == "run":
        if not 1 <= args.max_seconds <= MAX_FILE_SPAN_MS / 1000:
            faults.append(f"--max-seconds {args.max_seconds:g}: expected 1 to {MAX_FILE_SPAN_MS // 1000}")
        if not 1 <= args.max_mb <= 1024:
            faults.append(f"--max-mb {args.max_mb}: expected 1 to 1024")
        if args.max_spool_mb < 2 * args.max_mb:
            faults.append(f"--max-spool-mb {args.max_spool_mb}: expected twice --max-mb or more")
        if not 0 <= args.price < 1_000:
            faults.append(f"--price {args.price:g}: expected US dollars a post")
        if args.hurry != 1 and not (1 <= args.hurry <= 10_000 and _is_here(args.url)):
            faults.append(f"--hurry {args.hurry:g}: expected 1 to 10000, and --url to be a server of this machine")
    faults += [f"{name} {url!r}: expected http://host:port" for name, url in urls if not _is_address(url)]
    if faults:
        raise WrongUse("; ".join(faults))


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def _is_here(url: str) -> bool:
    return _is_address(url) and urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def limits(args: argparse.Namespace) -> Limits | None:
    """None where nothing is billed and nothing is asked for."""
    if _is_here(args.url) and args.max_posts_day is None and args.max_posts_month is None:
        return None
    return Limits(args.max_posts_day, args.max_posts_month, args.price)


def token(args: argparse.Namespace) -> str:
    if args.token_file and args.token_connection:
        raise WrongUse("--token-file and --token-connection: give one of them")
    where = f"--token-file {args.token_file}" if args.token_file else "X_BEARER_TOKEN"
    if args.token_connection:
        where = f"AIRFLOW_CONN_{args.token_connection.upper()}"
    try:
        text = args.token_file.read_text(encoding="utf-8") if args.token_file else os.environ.get(where, "")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(f"{where}: {getattr(error, 'strerror', None) or 'no text'}") from None
    found = (_password(text) if args.token_connection else text).strip()
    if not found:
        raise WrongUse(f"{where}: no bearer token in it" if args.token_file or args.token_connection else
                       "no bearer token: set X_BEARER_TOKEN, or give --token-file or --token-connection")
    if not _TOKEN.fullmatch(found):
        raise WrongUse(f"{where}: a bearer token is one word of plain characters")
    return found


def _password(connection: str) -> str:
    """Of a connection of Airflow, in either form that its environment variables have; nothing where it has none.

    https://airflow.apache.org/docs/apache-airflow/stable/howto/connection.html
    """
    try:
        if connection.lstrip().startswith("{"):
            return str(json.loads(connection).get("password") or "")
        return unquote(urlsplit(connection.strip()).password or "")
    except ValueError:
        return ""
