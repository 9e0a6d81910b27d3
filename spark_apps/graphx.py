"""Spark's GraphX from Python, which has no API of its own for it: through the gateway that every PySpark driver has.

https://spark.apache.org/docs/4.2.0/graphx-programming-guide.html#graph-algorithms
"""
from __future__ import annotations

from typing import Any
from uuid import uuid4

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_apps import session

#: A tag's rank is passed on until no message is larger; 1 is the mean rank.
TOLERANCE = 1e-4
#: The chance to follow a link is the rest.
RESET = 0.15
#: Labels of a graph in two halves may swap for ever.
STEPS = 20


class Graph:
    """Of a DataFrame (source long, target long). GraphX is directed: a link that has no direction is there twice.

    The methods give (id, value) of every vertex; `scratch`: a directory for what goes between Python and the JVM, in
    which each Graph makes one of its own.
    """

    def __init__(self, links: DataFrame, scratch: str) -> None:
        self._spark: SparkSession = links.sparkSession
        self._scratch, jvm = f"{scratch}/graph-{uuid4().hex}", self._spark.sparkContext._jvm
        graphx: Any = jvm.org.apache.spark.graphx  # type: ignore[union-attr]
        self._algorithms, self._int = graphx.lib, jvm.scala.reflect.ClassTag.Int()  # type: ignore[union-attr]
        # A part a core: an algorithm takes dozens of rounds, each with a task or three for every part.
        pairs = links.select(F.concat_ws(" ", "source", "target")).coalesce(session.cores(self._spark))
        pairs.write.text(f"{self._scratch}/links")
        kept = jvm.org.apache.spark.storage.StorageLevel.MEMORY_AND_DISK()  # type: ignore[union-attr]
        self._graph = graphx.GraphLoader.edgeListFile(self._spark._jsc.sc(), f"{self._scratch}/links", False, -1,
                                                      kept, kept)

    def page_rank(self) -> DataFrame:
        """value: share of all rank, so that the sum is 1."""
        ranked = self._algorithms.PageRank.runUntilConvergence(self._graph, TOLERANCE, RESET, self._int, self._int)
        found = self._vertices(ranked, "ranks", "double")
        total = found.agg(F.sum("value")).first()
        assert total
        return found.withColumn("value", F.col("value") / F.lit(total[0]))

    def components(self) -> DataFrame:
        """value: the lowest id of the component."""
        found = self._algorithms.ConnectedComponents.run(self._graph, self._int, self._int)
        return self._vertices(found, "components", "long")

    def communities(self) -> DataFrame:
        """value: the id whose label the vertex has taken over."""
        found = self._algorithms.LabelPropagation.run(self._graph, STEPS, self._int)
        return self._vertices(found, "communities", "long")

    def _vertices(self, graph: Any, name: str, kind: str) -> DataFrame:
        # By a file: through the gateway each vertex would be some calls of its own.
        graph.vertices().saveAsTextFile(f"{self._scratch}/{name}")
        pair = F.split(F.btrim(F.col("value"), F.lit("()")), ",")
        return self._spark.read.text(f"{self._scratch}/{name}").select(
            pair[0].cast("long").alias("id"), pair[1].cast(kind).alias("value"))
