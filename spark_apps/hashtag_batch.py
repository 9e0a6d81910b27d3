"""The hourly batch: seals hours of a stream from landing, by the stream's own transforms."""
from __future__ import annotations

import json
import logging
import sys

from pyspark.sql import SparkSession

from spark_apps import seal, session
from spark_apps.args import BatchArgs, batch_args
from spark_apps.contract import hour_name
from spark_apps.files import Files
from spark_apps.seal import Sealed, Sealer

log = logging.getLogger("hashtide")


def run(spark: SparkSession, args: BatchArgs) -> None:
    """Seals, and leaves a result for each hour."""
    files = Files(spark, args.paths.base)
    sealer = Sealer(spark, files, args.paths, args.incomplete)
    application = spark.sparkContext.applicationId
    # Fewer tasks than a cluster's usual 200, each with work to do; adaptive execution joins what is small.
    spark.conf.set("spark.sql.shuffle.partitions", str(2 * session.cores(spark)))

    def done(sealed: Sealed) -> None:
        said = seal.result(sealed, args.incomplete, application, sealer.clock.now_ms())
        files.write_json(args.paths.seal_result(sealed.hour), said)
        log.info("sealed %s", json.dumps(said))

    hours = args.hours or sealer.late(args.late_within_hours)
    if hours:
        sealer.seal(hours, done)
    if args.late_within_hours:
        files.write_json(args.paths.late_result, {"hours": sorted(hours), "time_ms": sealer.clock.now_ms(),
                                                  "application": application})
        log.info("later lines: %s", ", ".join(map(hour_name, sorted(hours))) or "none")


def main(argv: list[str]) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    args = batch_args(argv)
    spark = session.build(f"hashtide seal {args.paths.stream}", {})
    run(spark, args)
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
