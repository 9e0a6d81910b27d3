"""`drill`: breaks things on purpose on a cluster of its own, and measures how long until the stream is right again."""
from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from deploy import config
from deploy.drills import DRILLS, HEADER, Outcome
from deploy.lines import table
from deploy.verbs.common import add_verb, dump
from deploy.verbs.tests import ROOT


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "drill", run, "Break things on purpose: drivers, daemons, launches. Brings up a cluster of "
                    "its own on free ports, in a temporary directory, and takes it down again; what runs by `up` is "
                    "left alone. 1 where what is promised does not hold.", cluster=False, stream=False,
                    example="drill --full driver_kill")
    # No list: argparse holds the default itself against the choices.
    verb.add_argument("name", nargs="*", default="all", choices=[*DRILLS, "all"], metavar="NAME",
                      help="see --list (default: all)")
    verb.add_argument("--full", action="store_true", help="as often, and outages as long, as figures need: hours")
    verb.add_argument("--list", action="store_true", help="only say what there is")


def run(args: argparse.Namespace) -> int:
    if args.list:
        if args.json:
            dump({name: {"what": drill.what, "full": drill.full} for name, drill in DRILLS.items()})
        else:
            rows = [[name, str(drill.full), drill.what] for name, drill in DRILLS.items()]
            print(table(rows, ["drill", "--full", ""]))
        return 0
    with tempfile.TemporaryDirectory(prefix="hashtide-drill-") as scratch:
        report = Path(scratch) / "drills.json"
        code = play([] if "all" in args.name else args.name, args.full, report, quiet=args.json)
        found = [Outcome(**json.loads(line)) for line in report.read_text().splitlines()] if report.exists() else []
    if args.json:
        dump([outcome.as_json() for outcome in found])
    elif found:
        print(table([outcome.cells() for outcome in found], HEADER))
    return 1 if code or not all(outcome.holds for outcome in found) else 0


def play(names: list[str], full: bool, report: Path, quiet: bool) -> int:
    """The exit code of the tests that are the drills; each appends its outcome to the report, a line each."""
    python = config.home() / "envs" / "spark" / "bin" / "python"
    files = (str(ROOT / "tests" / "cluster" / f"test_{name}.py") for name in ("6_drills", "7_launches", "8_restores"))
    command = [str(python), "-P", "-m", "pytest", "-c", str(ROOT / "setup.cfg"), "--rootdir", str(ROOT), "-v", "-s",
               *files]
    if names:
        command += ["-k", " or ".join(names)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1",
                   "HASHTIDE_DRILL": "full" if full else "once", "HASHTIDE_DRILL_REPORT": str(report)}
    # Progress is no result: --json has standard output for itself.
    return subprocess.run(command, cwd=ROOT, env=environment, check=False, stdin=subprocess.DEVNULL,
                          stdout=sys.stderr if quiet else None).returncode
