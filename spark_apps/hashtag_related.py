"""A batch over sealed hours: which hashtags go together, by FP-Growth; `related` is replaced in one commit."""
from __future__ import annotations

import json
import logging
import sys
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from spark_apps import related, sealed, session, tables
from spark_apps.args import RelatedArgs, related_args
from spark_apps.clock import Clock
from spark_apps.contract import hour_name
from spark_apps.files import Files
from spark_apps.sealed import NothingSealed, Tweets

log = logging.getLogger("hashtide")


def run(spark: SparkSession, args: RelatedArgs) -> dict[str, Any]:
    """Learns from the earlier hours, is judged by the later ones, then learns from all; the result that it leaves."""
    files = Files(spark, args.paths.base)
    spark.conf.set("spark.sql.shuffle.partitions", str(2 * session.cores(spark)))
    try:
        found = learn(spark, args, tweets_of(spark, files, args))
        print(describe(found), flush=True)
    except NothingSealed as error:
        found = {"stream": args.paths.stream, "refused": str(error)}
    result = {**found, "time_ms": Clock().now_ms(), "by": args.by, "application": spark.sparkContext.applicationId}
    files.write_json(args.paths.related_result, result)
    log.info("related %s", json.dumps(result, ensure_ascii=False))
    return result


def tweets_of(spark: SparkSession, files: Files, args: RelatedArgs) -> Tweets:
    tweets = sealed.read(spark, files, args.paths, wanted(sealed.hours(spark, args.paths), args))
    if len(tweets.hours) < 2:
        raise NothingSealed(f"{len(tweets.hours)} sealed hours whose lines are there: two are needed, "
                            "one to learn from and one to be judged by")
    return tweets


def wanted(found: dict[int, int], args: RelatedArgs) -> dict[int, int]:
    if args.first is None:
        return dict(sorted(found.items())[-args.newest:])
    some = {hour: through for hour, through in found.items() if args.first <= hour <= args.last}
    if not some:
        raise NothingSealed(f"no hour from {hour_name(args.first)} to {hour_name(args.last)} is sealed; "
                            "`deploy/hashtide ledger` lists those that are")
    return some


def learn(spark: SparkSession, args: RelatedArgs, tweets: Tweets) -> dict[str, Any]:
    found = related.baskets(tweets.frame).persist()
    held_out = tweets.hours[-max(1, len(tweets.hours) // 5):]
    is_later = F.col("event_hour").isin(held_out)
    earlier, later = found.where(~is_later), found.where(is_later)
    judged = related.judge(related.rules(earlier, args.min_tweets), related.most_popular(earlier),
                           related.cases(later).persist())
    hours = (F.timestamp_millis(F.lit(at)).alias(name) for name, at in
             (("from_hour", tweets.hours[0]), ("to_hour", tweets.hours[-1])))
    learnt = related.rules(found, args.min_tweets).select("*", *hours).persist()
    number = learnt.count()
    # Sorted, so that a reader without a JVM opens one part of the file for a tag.
    tables.replace(learnt.coalesce(1).sortWithinPartitions("tag", F.desc("confidence")), args.paths.table("related"))
    return {"stream": args.paths.stream, "from": hour_name(tweets.hours[0]), "to": hour_name(tweets.hours[-1]),
            "hours": len(tweets.hours), "held_out": [hour_name(at) for at in held_out],
            "left_out": [hour_name(at) for at in tweets.left_out], "baskets": found.count(), "rules": number,
            "tags": learnt.select("tag").distinct().count(), "min_tweets": args.min_tweets, "cases": judged.cases,
            "hit_rate_at_10": judged.hit_rate, "popularity_at_10": judged.popularity,
            "beats_popularity": judged.hit_rate > judged.popularity}


def describe(result: dict[str, Any]) -> str:
    return (f"hit rate at 10 on {result['cases']:,} tweets of {', '.join(result['held_out'])}: "
            f"{result['hit_rate_at_10']:.3f}, popularity {result['popularity_at_10']:.3f}; "
            f"{result['rules']:,} rules of {result['tags']:,} tags from {result['baskets']:,} tweets")


def main(argv: list[str]) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    args = related_args(argv)
    spark = session.build(f"hashtide related {args.paths.stream}", {})
    run(spark, args)
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
