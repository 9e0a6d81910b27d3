"""python -m deploy.local start|stop|status --dir DIR [--free-ports] [--services hadoop|NAME,...]"""
from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from deploy.errors import HashtideError
from deploy.local import cluster
from deploy.local.instance import Instance


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="deploy.local", description=__doc__)
    parser.add_argument("verb", choices=("start", "stop", "status", "kill"))
    parser.add_argument("--dir", type=Path, required=True, help="instance directory")
    parser.add_argument("--free-ports", action="store_true", help="at the first start, ports nobody uses")
    parser.add_argument("--services", default="hadoop", help=f"{', '.join(cluster.GROUPS)} or names, comma separated")
    args = parser.parse_args(argv)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    try:
        instance = Instance.at(args.dir, free_ports=args.free_ports)
        names = cluster.GROUPS.get(args.services) or tuple(args.services.split(","))
        if args.verb == "start":
            cluster.start(instance, names, say=say)
            say(f"cluster file: {instance.ini}")
        elif args.verb == "stop":
            cluster.stop(instance, say=say)
        elif args.verb == "kill":
            cluster.kill(instance, names[0])
        else:
            print(json.dumps([asdict(s) for s in cluster.status(instance)], indent=1))
    except HashtideError as error:
        print(f"deploy.local: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
