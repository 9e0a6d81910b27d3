"""Two hours of tweets on local files, sealed by the seal itself: what analyses are made from."""
from __future__ import annotations

from itertools import groupby
from pathlib import Path

from pyspark.sql import SparkSession

from deploy.local.simulator.generator import Generator, Shares
from spark_apps.contract import HOUR_MS, StreamPaths
from spark_apps.files import Files
from spark_apps.seal import Sealer
from tests.spark.landing import NOW
from tests.spark.streams import LocalStream

#: Of each hour the instant that it is sealed through.
HOURS = {NOW: NOW + 2 * HOUR_MS, NOW + HOUR_MS: NOW + 3 * HOUR_MS}
#: Few tweets, so that a test is quick, and each has something to say.
_TWEETS, _SHARES, _FILES_AN_HOUR = 6_000, Shares(retweet=0.05, together=0.9, no_tags=0.0, long=0.2), 6


def sealed_stream(spark: SparkSession, root: Path) -> StreamPaths:
    stream, generator = LocalStream(root), Generator(5, shares=_SHARES)
    sent = [(at, generator.next(at)) for at in (NOW + n * 2 * HOUR_MS // _TWEETS for n in range(_TWEETS))]
    for part, group in groupby(sent, key=lambda one: one[0] * _FILES_AN_HOUR // HOUR_MS):
        some = list(group)
        stream.land([record for _, record in some], some[0][0], some[-1][0], f"{part:x}")
    Sealer(spark, Files(spark, stream.paths.base), stream.paths).seal(HOURS, lambda sealed: None)
    return stream.paths
