"""Hours whose landing is packed into the archive, half or whole, are sealed as they were: each row, each fate, each
line that is put aside."""
from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from deploy.retention import packing
from spark_apps import packs
from spark_apps.contract import HOUR_MS, MINUTE_MS
from spark_apps.files import Files
from spark_apps.seal import Sealer
from tests.fakes.directory import Directory
from tests.spark.landing import NOW, snowflake, tags, v2
from tests.spark.streams import LocalStream

TEN, ELEVEN = NOW, NOW + HOUR_MS
HOURS = {TEN: ELEVEN + 10 * MINUTE_MS, ELEVEN: ELEVEN + 70 * MINUTE_MS}


class Clock:
    def now_ms(self) -> int:
        return ELEVEN + 80 * MINUTE_MS


def tweet(ms: int, low: int, *names: str) -> bytes:
    return v2(id=snowflake(ms, low), entities=tags(*names))


@pytest.fixture
def stream(tmp_path: Path) -> LocalStream:
    made = LocalStream(tmp_path)
    twice = tweet(TEN + 1_000, 1, "Spark")
    made.land([twice, b"", b"a\rbare CR", b'{"data": {"id": "1", "text": "\xff\tno UTF-8"}}', twice], TEN, TEN + 9, "a")
    made.land([codecs.BOM_UTF8 + tweet(TEN + 2_000, 2, "spark"), b"\tnot JSON\t"], TEN + 10, TEN + 19, "b")
    made.land([tweet(TEN + 3_000, n, f"tag{n % 3}") for n in range(3, 30)], TEN + 20, TEN + 29, "c")
    made.land([twice, tweet(ELEVEN + 1_000, 40, "next")], ELEVEN + 5 * MINUTE_MS, ELEVEN + 5 * MINUTE_MS, "d")
    return made


def sealed(spark: SparkSession, stream: LocalStream) -> dict[str, Any]:
    """What a seal leaves, but for when and how often it was made."""
    done: list[Any] = []
    Sealer(spark, Files(spark, stream.paths.base), stream.paths, clock=Clock()).seal(HOURS, done.append)  # type: ignore[arg-type]
    ledger = DeltaTable(stream.paths.table("ledger")).to_pyarrow_table().to_pylist()
    aside = spark.read.parquet(f"{stream.paths.landing.replace('/landing/', '/quarantine/')}").collect()
    return {"revisions": [one.revision for one in done],
            "counts": sorted(map(str, DeltaTable(stream.paths.table("counts")).to_pyarrow_table().to_pylist())),
            "ledger": sorted(str({**row, "sealed_at": None}) for row in ledger),
            "aside": sorted((row["reason"], row["file"], row["line"], bytes(row["body"])) for row in aside)}


def test_packed_half_and_whole_an_hour_is_sealed_as_it_was(
        spark: SparkSession, stream: LocalStream, monkeypatch: pytest.MonkeyPatch) -> None:
    hdfs, landing = Directory(), stream.paths.landing_hour(TEN)
    before = sealed(spark, stream)
    assert [reason for reason, *_ in before["aside"]] == ["bad_encoding", *["not_json"] * 3]
    names = hdfs.list(landing)
    monkeypatch.setattr(packing, "PACK_BYTES", 1)
    packing.move(hdfs, stream.paths, TEN, names[1:2])
    assert sealed(spark, stream) == before
    # As by someone who was cut off: packed, and still in landing.
    kept = hdfs.read(f"{landing}/{names[0]}") or b""
    monkeypatch.setattr(packing, "PACK_BYTES", 1 << 20)
    packing.move(hdfs, stream.paths, TEN, [names[0], names[2]])
    hdfs.replace(f"{landing}/{names[0]}", kept)
    assert sealed(spark, stream) == before
    packing.move(hdfs, stream.paths, TEN, names)
    packing.move(hdfs, stream.paths, ELEVEN, hdfs.list(stream.paths.landing_hour(ELEVEN)))
    assert not hdfs.list(landing) and not hdfs.list(stream.paths.landing_hour(ELEVEN))
    assert len(packs.packs(hdfs, stream.paths.archive_hour(TEN))) == 2
    assert sealed(spark, stream) == before
