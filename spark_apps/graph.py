"""The graph of the tags that stand together in tweets: its links, and what its parts are worth."""
from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from spark_apps.graphx import Graph


def links(baskets: DataFrame, min_tweets: int, min_lift: float) -> DataFrame:
    """(items) -> (tag, other, tweets, lift), tag < other: pairs in enough tweets, and more often than chance has them.

    Without the second every tag would be linked with the most popular ones, which says nothing of either.
    """
    number = baskets.count()
    after = F.transform("items", lambda tag, at: F.transform(
        F.slice(F.col("items"), at + 2, F.size("items")),
        lambda other: F.struct(tag.alias("tag"), other.alias("other"))))
    pairs = baskets.select(F.explode(F.flatten(after)).alias("pair")).groupBy("pair.tag", "pair.other").agg(
        F.count(F.lit(1)).alias("tweets")).where(F.col("tweets") >= min_tweets)
    alone = counted(baskets)
    known = (pairs.join(alone.withColumnsRenamed({"tweets": "mine"}), "tag")
             .join(alone.withColumnsRenamed({"tag": "other", "tweets": "theirs"}), "other"))
    lift = F.col("tweets") * F.lit(number) / (F.col("mine") * F.col("theirs"))
    return known.select("tag", "other", "tweets", lift.alias("lift")).where(F.col("lift") >= min_lift)


def counted(baskets: DataFrame) -> DataFrame:
    """(items) -> (tag, tweets)."""
    return baskets.select(F.explode("items").alias("tag")).groupBy("tag").agg(F.count(F.lit(1)).alias("tweets"))


def look(found: DataFrame, scratch: str) -> DataFrame:
    """(tag, other) -> (tag, degree, pagerank, component, community) of every tag that has a link, by GraphX.

    Links have no weight here. Components and communities are numbered from 1, the largest first.
    """
    ends = both_ways(found)
    degrees = ends.groupBy("tag").agg(F.count(F.lit(1)).alias("degree"))
    ids = degrees.withColumn("id", F.row_number().over(Window.orderBy("tag")).cast("long")).persist()
    source = ids.select("tag", F.col("id").alias("source"))
    target = ids.select(F.col("tag").alias("other"), F.col("id").alias("target"))
    graph = Graph(ends.join(source, "tag").join(target, "other").select("source", "target"), scratch)
    named = ids.join(graph.page_rank().withColumnRenamed("value", "pagerank"), "id")
    for name, labels in (("component", graph.components()), ("community", graph.communities())):
        named = numbered(named.join(labels, "id"), name)
    return named.select("tag", "degree", "pagerank", "component", "community")


def both_ways(found: DataFrame) -> DataFrame:
    return found.select("tag", "other").union(found.select(F.col("other"), F.col("tag")))


def numbered(found: DataFrame, name: str) -> DataFrame:
    """(..., tag, value) -> (..., tag) and the number of the part that `value` stands for."""
    parts = found.groupBy("value").agg(F.count(F.lit(1)).alias("size"), F.min("tag").alias("first"))
    number = F.row_number().over(Window.orderBy(F.desc("size"), "first")).cast("long")
    return found.join(parts.select("value", number.alias(name)), "value").drop("value")


def modularity(found: DataFrame, tags: DataFrame, part: str) -> float:
    """Of (tag, other) and (tag, degree, <part>): the share of links within parts, less what chance would put there.

    Newman, Networks: An Introduction (2010), 7.13: the sum over parts of L/m - (d/2m)^2. 0 is chance; from 0.3 on parts
    are taken for real.
    """
    mine, theirs = tags.select("tag", part), tags.select(F.col("tag").alias("other"), F.col(part).alias("theirs"))
    inside = (found.join(mine, "tag").join(theirs, "other").where(F.col(part) == F.col("theirs"))
              .groupBy(part).agg(F.count(F.lit(1)).alias("links")))
    degrees = tags.groupBy(part).agg(F.sum("degree").alias("degree"))
    number = found.count()
    share = F.coalesce("links", F.lit(0)) / number - F.pow(F.col("degree") / (2 * number), F.lit(2))
    total = degrees.join(inside, part, "left").agg(F.sum(share)).first()
    return float(total[0] or 0.0) if total else 0.0
