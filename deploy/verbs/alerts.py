"""`alerts`: what fires, since when, and whether somebody was told."""
from __future__ import annotations

import argparse
import getpass
import socket
from pathlib import Path
from typing import Any

from deploy.alerts import conf, notifiers
from deploy.alerts.conf import Config
from deploy.alerts.doing import Watch, send_test
from deploy.alerts.planning import Report, Row
from deploy.errors import BadUse
from deploy.lines import line, table
from deploy.verbs.common import add_verb, dump, iso, open_cluster
from deploy.verbs.stream import tools_of


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "alerts", run, "What fires by the rules of the alerts file, since when, and who was told; "
                    "nothing is written or sent. hashtag_watchdog tells of it every five minutes. 1 where something "
                    "fires, could not be looked at, or was not taken.", stream=False, example="alerts --test")
    verb.add_argument("--file", type=Path, metavar="FILE", help="alerts file (default: HASHTIDE_ALERTS, "
                      "<cluster>.alerts.toml beside the cluster file, deploy/conf/alerts.toml)")
    how = verb.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="who would be told of what now, in which words")
    how.add_argument("--send", action="store_true", help="do what hashtag_watchdog does: tell of what is new or over")
    how.add_argument("--test", action="store_true", help="send each notifier a test message")


def run(args: argparse.Namespace) -> int:
    cluster, files = open_cluster(args)
    config = conf.load(args.file or conf.find(cluster))
    tools, told = tools_of(cluster, files), notifiers.made(config)
    if args.test:
        if not told:
            raise BadUse(f"nobody to tell: alerts file {config.path} has no [[notify]]; it says how to add one")
        return tested(send_test(told, tools, f"{getpass.getuser()} at {socket.gethostname()}"), args.json)
    report = Watch(tools, config, told, args.send).run()
    if args.json:
        dump({"file": config.path, "notifiers": [one.name for one in told], "sent": report.sent,
              "alerts": [row.as_json() for row in report.rows], "faults": report.faults, "untold": report.untold})
    else:
        print(text(report, config, args.dry_run))
    fires = any(row.state != "resolved" for row in report.rows)
    return 1 if report.untold or report.faults or fires and not args.send else 0


def tested(found: dict[str, str], as_json: bool) -> int:
    if as_json:
        dump({name: fault or "sent" for name, fault in found.items()})
    else:
        print("\n".join(f"{name}: {fault or 'sent; see whether it has arrived'}" for name, fault in found.items()))
    return 1 if any(found.values()) else 0


def text(report: Report, config: Config, dry_run: bool) -> str:
    rows = report.rows
    if dry_run:
        rows = [row for row in rows if any(how != "sent" for how in row.told.values())]
    shown = [_words(row) for row in rows] if dry_run else [_list(rows)] if rows else []
    told = ", ".join(one.name for one in config.notify)
    off = sorted(name for name, rule in config.rules.items() if not rule.on)
    return "\n".join([
        *(shown or ["Nobody would be told of anything." if dry_run else "Nothing fires."]),
        *(f"not looked at: {fault}" for fault in report.faults),
        *(f"not taken: {name}: {why}" for name, why in report.untold.items()),
        *([f"off: {', '.join(off)}"] if off else []),
        f"told: {told}" if told else f"told: nobody, {config.path} has no [[notify]]"])


def _list(rows: list[Row]) -> str:
    cells = [[row.stream or "cluster", row.rule, row.state, row.severity, iso(row.since_ms), line(row.title, 60),
              line(", ".join(f"{name}: {how}" for name, how in row.told.items()) or "-", 90)] for row in rows]
    return table(cells, ["stream", "rule", "state", "severity", "since", "what", "told"]) + "".join(
        f"\n\n{row.stream or 'cluster'}, {row.rule}: {line(row.reason)}\n  next: {line(row.next_step)}" for row in rows
        if row.state == "firing") + "\n"


def _words(row: Row) -> str:
    whom = ", ".join(name for name, how in row.told.items() if how != "sent")
    return (f"{whom} would be told: {row.stream or 'cluster'}: {row.state}: {line(row.title)}\n"
            f"  since {iso(row.since_ms)}: {line(row.reason)}\n  next: {line(row.next_step)}")
