"""What an operator needs Spark for: `ops.py ACTION --out FILE ...` writes its answer as JSON into a local file."""
from __future__ import annotations

import importlib
import sys

#: Each a module of this package with main(argv) -> exit code.
ACTIONS = {"check": "trial", "state": "state", "optimise": "optimise"}


def main(argv: list[str]) -> int:
    if not argv or argv[0] not in ACTIONS:
        print(f"ops.py: expected one of {', '.join(ACTIONS)}", file=sys.stderr)
        return 2
    return int(importlib.import_module(f"spark_apps.{ACTIONS[argv[0]]}").main(argv[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
