"""Which hashtags go together: FP-Growth over the tags of tweets, and how well that foretells the tags of later ones."""
from __future__ import annotations

from dataclasses import dataclass

from pyspark.ml.fpm import FPGrowth
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.storagelevel import StorageLevel

#: A tweet with more tags is advertising, and thirty tags that five accounts repeat are 2^30 frequent sets.
MAX_TAGS = 10
#: Less is chance, and would only make the table long.
MIN_CONFIDENCE = 0.01
#: Associated tags that are kept of one tag, by confidence.
KEPT = 50
PLACES = 10


def baskets(tweets: DataFrame) -> DataFrame:
    """(event_hour, identity, kind, tags) -> (event_hour, identity, items): keys of tweets with 1 to MAX_TAGS of them.

    A retweet only says again what its original says: a thousand of them are no thousand witnesses.
    """
    own = tweets.where((F.col("kind") != "retweet") & F.size("tags").between(1, MAX_TAGS))
    return own.select("event_hour", "identity", F.array_sort(F.map_keys("tags")).alias("items"))


def rules(found: DataFrame, min_tweets: int) -> DataFrame:
    """baskets -> (tag, related, tweets, support, confidence, lift), at most KEPT of a tag.

    support: share of the baskets that have both; confidence: of those with `tag`, the share that has `related`, too;
    lift: that, over the share of all baskets that have `related`.
    """
    # FP-Growth takes the rows as an RDD, which is computed without the session's settings: what is cached is not again.
    found = found.persist(StorageLevel.MEMORY_AND_DISK)
    number = found.count()
    # Half a tweet less: the number of tweets that Spark makes of a share is rounded up.
    growth = FPGrowth(itemsCol="items", minSupport=min(1.0, (min_tweets - 0.5) / max(1, number)),
                      minConfidence=MIN_CONFIDENCE)
    both = growth.fit(found).associationRules.where(F.size("antecedent") == 1)
    named = both.select(F.col("antecedent")[0].alias("tag"), F.col("consequent")[0].alias("related"),
                        F.round(F.col("support") * number).cast("long").alias("tweets"),
                        "support", "confidence", "lift")
    place = F.row_number().over(Window.partitionBy("tag").orderBy(F.desc("confidence"), "related"))
    return named.withColumn("place", place).where(F.col("place") <= KEPT).drop("place")


@dataclass(frozen=True)
class Judged:
    """Of so many tweets one tag each was hidden: how often it was among the ten that were foretold."""

    cases: int
    hits: int
    popular_hits: int

    @property
    def hit_rate(self) -> float:
        return self.hits / self.cases if self.cases else 0.0

    @property
    def popularity(self) -> float:
        return self.popular_hits / self.cases if self.cases else 0.0


def cases(held_out: DataFrame) -> DataFrame:
    """baskets -> (identity, given, hidden): of each tweet with two tags or more one is hidden, the same at each run."""
    order = F.transform("items", lambda tag: F.struct(F.xxhash64("identity", tag).alias("at"), tag.alias("tag")))
    hidden = F.array_min(order)["tag"]
    found = held_out.where(F.size("items") > 1).withColumn("hidden", hidden)
    return found.select("identity", F.array_remove("items", F.col("hidden")).alias("given"), "hidden")


def judge(learnt: DataFrame, popular: list[str], hidden: DataFrame) -> Judged:
    """Rules against the most popular tags, the first first, on the same cases. A tag that is given is no answer."""
    first = F.slice(F.array_except(F.array(*map(F.lit, popular)), F.col("given")), 1, PLACES)
    popular_hits = hidden.where(F.array_contains(first, F.col("hidden"))).count() if popular else 0
    asked = hidden.select("identity", "given", "hidden", F.explode("given").alias("tag"))
    scored = (asked.join(learnt, "tag").where(~F.array_contains("given", F.col("related")))
              .groupBy("identity", "hidden", "related").agg(F.sum("confidence").alias("score")))
    place = F.row_number().over(Window.partitionBy("identity").orderBy(F.desc("score"), "related"))
    hits = scored.withColumn("place", place).where((F.col("place") <= PLACES) & (F.col("related") == F.col("hidden")))
    return Judged(hidden.count(), hits.count(), popular_hits)


def most_popular(found: DataFrame) -> list[str]:
    """So many tags of the baskets that PLACES are left, whatever is given."""
    counted = found.select(F.explode("items").alias("tag")).groupBy("tag").count()
    return [row["tag"] for row in counted.orderBy(F.desc("count"), "tag").limit(PLACES + MAX_TAGS).collect()]
