"""`test`: the layers of the test suite, each in the environment it needs."""
from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from deploy import config
from deploy.verbs.common import add_verb

ROOT = Path(__file__).parents[2]
#: Cheapest first, so that a plain mistake shows at once. The value is the environment.
LAYERS = {"unit": "spark", "dags": "airflow", "spark": "spark", "ansible": "ansible", "cluster": "spark"}


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "test", run, "Run the tests: unit (no JVM), dags (Airflow), spark (one local session), "
                    "ansible (lint, templates), cluster (real HDFS, YARN and Airflow).", cluster=False, stream=False,
                    as_json=False, example="test unit dags")
    # No list: argparse holds the default itself against the choices.
    verb.add_argument("layer", nargs="*", default="all", choices=[*LAYERS, "all"], metavar="LAYER",
                      help=f"{', '.join(LAYERS)} or all (default)")
    verb.add_argument("-k", metavar="EXPRESSION", help="only tests whose name matches, as pytest's -k")
    verb.add_argument("-x", action="store_true", help="stop a layer at its first failure")


def run(args: argparse.Namespace) -> int:
    layers = [name for name in LAYERS if name in args.layer or "all" in args.layer]
    total = {"passed": 0, "failed": 0, "skipped": 0}
    codes = []
    for layer in layers:
        began = time.monotonic()
        print(f"== {layer}", flush=True)
        code, counts = run_layer(layer, args.k, args.x)
        codes.append(code)
        for key, n in counts.items():
            total[key] += n
        print(f"== {layer}: {'ok' if code == 0 else 'FAILED'} in {time.monotonic() - began:.0f} s", flush=True)
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if any(codes) or total["failed"] else 0


def run_layer(layer: str, only: str | None, first: bool) -> tuple[int, dict[str, int]]:
    python = config.home() / "envs" / LAYERS[layer] / "bin" / "python"
    with tempfile.TemporaryDirectory(prefix="hashtide-test-") as scratch:
        report = Path(scratch) / "report.xml"
        command = [str(python), "-P", "-m", "pytest", "-c", str(ROOT / "setup.cfg"), "--rootdir", str(ROOT),
                   str(ROOT / "tests" / layer), f"--junitxml={report}", "--durations=8", "-q"]
        command += (["-k", only] if only else []) + (["-x"] if first else [])
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        code = subprocess.run(command, cwd=ROOT, env=environment, check=False, stdin=subprocess.DEVNULL).returncode
        if only and code == 5:
            code = 0   # pytest's word for: nothing of that name in this layer
        return code, counted(report)


def counted(report: Path) -> dict[str, int]:
    if not report.is_file():
        print("hashtide: pytest wrote no report", file=sys.stderr)
        return {"failed": 1}
    suites = list(ET.parse(report).getroot().iter("testsuite"))  # noqa: S314
    tests, bad, skipped = (sum(int(s.get(key, 0)) for s in suites for key in keys)
                           for keys in (("tests",), ("failures", "errors"), ("skipped",)))
    return {"passed": tests - bad - skipped, "failed": bad, "skipped": skipped}
