"""The stream by DStreams: spark_apps.classic says where that applies."""
from __future__ import annotations

import logging
import sys

from spark_apps import session
from spark_apps.classic.args import classic_args
from spark_apps.classic.run import run


def main(argv: list[str]) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    args = classic_args(argv)
    spark = session.build(f"hashtide {args.paths.stream} e{args.epoch}", session.STREAM)
    code = run(spark, args)
    spark.stop()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
