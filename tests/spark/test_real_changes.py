"""Really changed code on a real checkpoint: our verdict beside Spark's own word, silence above all."""
from __future__ import annotations

from dataclasses import replace
from shutil import copytree

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_apps.transforms import counts
from spark_apps.verdict import Verdict
from tests.spark.changes import Code, Small, drop_twice, product_items, same

FINE, CHANGE, NEW, NEVER = Verdict
SILENT = ""
HDFS_PROVIDER = "org.apache.spark.sql.execution.streaming.state.HDFSBackedStateStoreProvider"


def by(*keys: str) -> Code:
    return Code(drop=lambda frame: frame.dropDuplicatesWithinWatermark(list(keys)))


def otherwise(frame: DataFrame) -> DataFrame:
    """The same columns by one step more, under other names in between."""
    return frame.withColumnRenamed("kind", "sort").withColumn("kind", F.col("sort")).select(
        "identity", "event_time", "event_ms", "kind", "author", "tags")


#: (changed code, our verdict, Spark's own class: empty where it says nothing).
TABLE: dict[str, tuple[Code, Verdict, str]] = {
    "nothing": (Code(), FINE, SILENT),
    "a projection written otherwise": (Code(chosen=otherwise), FINE, SILENT),
    "a filter added": (Code(chosen=lambda f: f.where(F.col("author").isNotNull())), CHANGE, SILENT),
    "a filter removed": (Code(observed=same), CHANGE, SILENT),
    "a filter of lines": (Code(lines=lambda f: f.where(F.col("value") != "")), CHANGE, SILENT),
    "a stateless operator added": (Code(chosen=lambda f: f.withColumn("n", F.explode(F.array(F.lit(1)))).drop("n")),
                                   CHANGE, SILENT),
    "a column made otherwise": (Code(chosen=lambda f: f.withColumn("kind", F.upper("kind"))), CHANGE, SILENT),
    "the watermark longer": (Code(watermark="20 minutes"), CHANGE, SILENT),
    "the watermark shorter": (Code(watermark="1 minute"), CHANGE, SILENT),
    "a key replaced by one of its type": (by("event_ms"), NEW, SILENT),
    "a key made otherwise": (Code(chosen=lambda f: f.withColumn("identity", F.col("identity") + 1)), NEW, SILENT),
    "a key of another type": (by("kind"), NEVER, "STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE"),
    "a key more": (by("identity", "kind"), NEVER, "STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE"),
    "another stateful operator": (Code(drop=lambda f: f.dropDuplicates(["identity"])), NEVER,
                                  "STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA"),
    "a stateful operator added": (Code(drop=lambda f: drop_twice(drop_twice(f))), NEVER,
                                  "STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA"),
    "the stateful operator removed": (Code(drop=same), NEVER,
                                      "STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA"),
    "a key of the counts replaced by one of its type": (
        Code(rows=lambda f: f.withColumn("tags", F.transform_keys("tags", lambda key, form: form))), NEW, SILENT),
    "an aggregate of the same type": (Code(counted=lambda f: f.withColumn("tweets", F.col("tweets") * 2)), CHANGE,
                                      SILENT),
    "an aggregate's type": (Code(counted=lambda f: f.withColumn("tweets", F.col("tweets").cast("double"))), NEVER,
                            "DELTA_FAILED_TO_MERGE_FIELDS"),
    "a second aggregate": (Code(counted=lambda f: f.withColumn("likes", F.col("tweets"))), NEVER,
                           "DELTA_METADATA_MISMATCH"),
    "shuffle partitions": (Code(args={"shuffle_partitions": 3}), FINE, SILENT),
    "files a batch": (Code(args={"max_files": 7}), FINE, SILENT),
    "the state's provider": (Code(settings={"spark.sql.streaming.stateStore.providerClass": HDFS_PROVIDER}), FINE,
                             SILENT),
    "the checkpoint's format": (Code(settings={"spark.sql.streaming.stateStore.checkpointFormatVersion": "1"}), NEVER,
                                "CANNOT_LOAD_STATE_STORE.CANNOT_READ_STREAMING_STATE_FILE"),
    "how state is encoded": (Code(settings={"spark.sql.streaming.stateStore.encodingFormat": "avro"}), NEVER,
                             "_LEGACY_ERROR_TEMP_3102"),
    "whether changes of state are logged": (
        Code(settings={"spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "false"}), FINE,
        SILENT),
    "the output mode": (Code(output_mode="update"), NEW, SILENT),
    "complete output": (Code(output_mode="complete"), NEVER,
                        "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"),
    "a second source": (Code(lines=lambda f: f.union(f)), NEVER, "AssertionError"),
    "the time zone": (Code(settings={"spark.sql.session.timeZone": "CET"}), CHANGE, SILENT),
}


@pytest.fixture(scope="module")
def small(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Small:
    return Small(tmp_path_factory.mktemp("small"), spark)


def test_the_unchanged_code_here_is_the_products(small: Small) -> None:
    theirs = product_items(small)
    assert {name: (small.items.get(name), theirs.get(name)) for name in {*theirs, *small.items}
            if small.items.get(name) != theirs.get(name)} == {}


@pytest.mark.parametrize("what", TABLE)
def test_a_change_has_its_verdict_whatever_spark_says(small: Small, what: str) -> None:
    code, verdict, said = TABLE[what]
    found = small.try_(code)
    assert (found.judgement.verdict, found.spark) == (verdict, said), found
    assert bool(found.batches) == (not said), "it took a batch where it said nothing, and none where it did"


def test_the_window_of_1_minute_to_5_is_taken_in_silence_and_is_not_ours_to_mix(
        small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "MINUTE_MS", 300_000)
    found = small.try_(Code())
    assert (found.judgement.verdict, found.spark) == (NEW, SILENT)
    assert [one.item for one in found.judgement.decisive()] == ["counts keys"]


def test_another_path_is_taken_in_silence(small: Small) -> None:
    elsewhere = small.root / "elsewhere"
    moved = replace(small.paths, root=str(elsewhere))
    copytree(small.paths.landing, moved.landing)
    found = small.try_(Code(landing=str(elsewhere)))
    assert (found.judgement.verdict, found.spark) == (NEW, SILENT)
    assert len(found.batches) > 1, "all of it is counted again"


def test_spark_keeps_the_partitions_of_the_checkpoint(small: Small) -> None:
    small.try_(Code(args={"shuffle_partitions": 3}))
    assert small.partitions() == 2
