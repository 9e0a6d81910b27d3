"""A batch over the sealed hours of a day: the graph of its hashtags, by GraphX; the day is replaced in both tables."""
from __future__ import annotations

import json
import logging
import sys
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from spark_apps import graph, related, sealed, session, tables
from spark_apps.args import GraphArgs, graph_args
from spark_apps.clock import Clock
from spark_apps.contract import DAY_MS, day_name, hour_name
from spark_apps.files import Files
from spark_apps.sealed import NothingSealed, Tweets

log = logging.getLogger("hashtide")


def run(spark: SparkSession, args: GraphArgs) -> dict[str, Any]:
    """Makes the graph and looks at it; the result that it leaves."""
    files, day = Files(spark, args.paths.base), day_name(args.day)
    scratch = args.paths.scratch(spark.sparkContext.applicationId)
    spark.conf.set("spark.sql.shuffle.partitions", str(2 * session.cores(spark)))
    try:
        found = draw(spark, args, day, tweets_of(spark, files, args, day), scratch)
    except NothingSealed as error:
        found = {"stream": args.paths.stream, "day": day, "refused": str(error)}
    finally:
        files.remove(scratch)
    result = {**found, "time_ms": Clock().now_ms(), "by": args.by, "application": spark.sparkContext.applicationId}
    files.write_json(args.paths.graph_result(day), result)
    log.info("graph %s", json.dumps(result, ensure_ascii=False))
    return result


def tweets_of(spark: SparkSession, files: Files, args: GraphArgs, day: str) -> Tweets:
    hours = {hour: through for hour, through in sealed.hours(spark, args.paths).items()
             if args.day <= hour < args.day + DAY_MS}
    if not hours:
        raise NothingSealed(f"{day} has no sealed hour; `deploy/hashtide ledger` lists those that there are")
    return sealed.read(spark, files, args.paths, hours)


def draw(spark: SparkSession, args: GraphArgs, day: str, tweets: Tweets, scratch: str) -> dict[str, Any]:
    baskets = related.baskets(tweets.frame).persist()
    links = graph.links(baskets, args.min_tweets, args.min_lift).persist()
    number = links.count()
    if not number:
        raise NothingSealed(f"{day} has no two tags that {args.min_tweets} tweets have together, "
                            f"{args.min_lift} times as often as chance; ask for fewer tweets or less lift")
    # Persisted before the scratch goes, which it is read from.
    tags = graph.look(links, scratch).join(graph.counted(baskets), "tag").persist()
    parts = tags.agg(F.count(F.lit(1)), F.max("component"), F.max("community")).first()
    assert parts
    modularity = {name: graph.modularity(links, tags, name) for name in ("community", "component")}
    dated = F.to_date(F.lit(day)).alias("day")
    tagged = tags.select(dated, "tag", "tweets", "degree", "pagerank", "component", "community")
    for name, rows in (("graph_tags", tagged), ("graph_links", links.select(dated, "tag", "other", "tweets", "lift"))):
        tables.replace(rows.coalesce(1), args.paths.table(name), f"day = DATE '{day}'")
    return {"stream": args.paths.stream, "day": day, "hours": len(tweets.hours),
            "left_out": [hour_name(at) for at in tweets.left_out], "baskets": baskets.count(), "tags": parts[0],
            "links": number, "components": parts[1], "communities": parts[2], "modularity": modularity["community"],
            "modularity_of_components": modularity["component"], "min_tweets": args.min_tweets,
            "min_lift": args.min_lift}


def main(argv: list[str]) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    args = graph_args(argv)
    spark = session.build(f"hashtide graph {args.paths.stream}", {})
    run(spark, args)
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
