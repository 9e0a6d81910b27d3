"""The hourly batch: seals hours of a stream from landing by the stream's own transforms, and verifies sealed ones."""
from __future__ import annotations

import json
import logging
import sys

from pyspark.sql import SparkSession

from spark_apps import seal, session, verify
from spark_apps.args import BatchArgs, batch_args
from spark_apps.contract import StreamPaths, hour_name
from spark_apps.files import Files
from spark_apps.seal import Sealed, Sealer
from spark_apps.verify import Verified, Verifier

log = logging.getLogger("hashtide")


def run(spark: SparkSession, args: BatchArgs) -> None:
    """Seals, verifies, and leaves a result for each hour."""
    files = Files(spark, args.paths.base)
    # Fewer tasks than a cluster's usual 200, each with work to do; adaptive execution joins what is small.
    spark.conf.set("spark.sql.shuffle.partitions", str(2 * session.cores(spark)))
    if args.verify:
        verify_hours(spark, files, args.paths, args.verify)
        return
    hours = seal_hours(spark, files, args)
    if args.then_verify and hours:
        try:
            verify_hours(spark, files, args.paths, hours)
        except Exception:
            # The seal stands. Whoever looks for the verification finds none, and runs it again by itself.
            log.exception("sealed, but not verified")


def seal_hours(spark: SparkSession, files: Files, args: BatchArgs) -> dict[int, int]:
    """Hours that were sealed, each with its instant (ms)."""
    sealer = Sealer(spark, files, args.paths, args.incomplete, purged=args.purged)
    application = spark.sparkContext.applicationId

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
    return hours


def verify_hours(spark: SparkSession, files: Files, paths: StreamPaths, hours: dict[int, int]) -> None:
    verifier = Verifier(spark, files, paths)

    def done(verified: Verified) -> None:
        said = verify.result(verified, spark.sparkContext.applicationId, verifier.clock.now_ms())
        files.write_json(paths.verify_result(verified.hour), said)
        log.info("verified %s", json.dumps({name: told for name, told in said.items() if name != "differences"}))

    verifier.verify(hours, done)


def main(argv: list[str]) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    args = batch_args(argv)
    spark = session.build(f"hashtide {'verify' if args.verify else 'seal'} {args.paths.stream}", {})
    run(spark, args)
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
