"""`test`: the layers of the test suite, each in the environment it needs."""
from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from deploy import config
from deploy.verbs.common import add_verb

ROOT = Path(__file__).parents[2]
#: A layer's exit code; how many tests passed, failed and were skipped; which ones failed.
Ended = tuple[int, Counter[str], list[str]]
#: Cheapest first, so that a plain mistake shows at once. The value is the environment.
LAYERS = {"unit": "spark", "dags": "airflow", "spark": "spark", "ansible": "ansible", "cluster": "spark"}
#: Processes that share a layer's modules: where most of it is waiting, or one module leaves a core idle.
PROCESSES = {"unit": 4, "spark": 2}
#: These run two at a time, the longest first; what is timed on the cluster wants the machine to itself.
TOGETHER = ("spark", "unit", "dags", "ansible")


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "test", run, "Run the tests: unit (no JVM), dags (Airflow), spark (one local session), "
                    "ansible (lint, templates, and as root three hosts), cluster (real HDFS, YARN and Airflow). "
                    "The others run two at a time, the cluster by itself.", cluster=False, stream=False,
                    as_json=False, example="test unit dags")
    # No list: argparse holds the default itself against the choices.
    verb.add_argument("layer", nargs="*", default="all", choices=[*LAYERS, "all"], metavar="LAYER",
                      help=f"{', '.join(LAYERS)} or all (default)")
    verb.add_argument("-k", metavar="EXPRESSION", help="only tests whose name matches, as pytest's -k")
    verb.add_argument("-x", action="store_true", help="stop a layer at its first failure")


def run(args: argparse.Namespace) -> int:
    wanted = [name for name in LAYERS if name in args.layer or "all" in args.layer]
    together = [name for name in TOGETHER if name in wanted]

    def tried(layer: str, prefix: str) -> Ended:
        began = time.monotonic()
        print(f"== {layer}", flush=True)
        ended = run_layer(layer, args.k, args.x, prefix)
        print(f"== {layer}: {'ok' if ended[0] == 0 else 'FAILED'} in {time.monotonic() - began:.0f} s", flush=True)
        return ended

    with ThreadPoolExecutor(2) as lanes:
        ended = list(lanes.map(tried, together, [f"{layer}: " if len(together) > 1 else "" for layer in together]))
    ended += [tried(layer, "") for layer in wanted if layer not in together]
    total = sum((counts for _, counts, _ in ended), Counter[str]())
    for name in (name for _, _, names in ended for name in names):
        print(f"failed: {name}")
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if any(code for code, _, _ in ended) or total["failed"] else 0


def run_layer(layer: str, only: str | None, first: bool, prefix: str = "") -> Ended:
    """Runs the layer's pytest. Each line that it prints begins with `prefix`."""
    python = config.home() / "envs" / LAYERS[layer] / "bin" / "python"
    with tempfile.TemporaryDirectory(prefix="hashtide-test-") as scratch:
        report = Path(scratch) / "report.xml"
        command = [str(python), "-P", "-m", "pytest", "-c", str(ROOT / "setup.cfg"), "--rootdir", str(ROOT),
                   str(ROOT / "tests" / layer), f"--junitxml={report}", "--durations=8", "-q"]
        if not only and layer in PROCESSES:
            command += ["-n", str(PROCESSES[layer]), "--dist", "loadfile"]
        command += (["-k", only] if only else []) + (["-x"] if first else [])
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, text=True,
                              errors="replace", stdout=subprocess.PIPE if prefix else None,
                              stderr=subprocess.STDOUT if prefix else None) as pytest:
            for line in pytest.stdout or ():
                print(prefix + line, end="", flush=True)
        code = pytest.returncode
        if only and code == 5:
            code = 0   # pytest's word for: nothing of that name in this layer
        return code, *counted(report)


def counted(report: Path) -> tuple[Counter[str], list[str]]:
    """How many tests passed, failed and were skipped; which ones failed."""
    if not report.is_file():
        print("hashtide: pytest wrote no report", file=sys.stderr)
        return Counter(failed=1), []
    counts, failed = Counter[str](), list[str]()
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314
        words = {part.tag for part in case}
        if words & {"failure", "error"}:
            failed.append(f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}")
        counts["failed" if words & {"failure", "error"} else "skipped" if "skipped" in words else "passed"] += 1
    return counts, failed
