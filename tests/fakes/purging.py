"""A stream of two sealed hours that has tweets which are withdrawn since, in every place that keeps lines."""
from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet as pq

from deploy.backfill import Seal
from deploy.purging.doing import Stream
from deploy.retention import packing
from spark_apps import packs
from spark_apps.contract import HOUR_MS, LandingFile
from spark_apps.snowflake import SNOWFLAKE_MS
from tests.fakes.files import Files
from tests.fakes.world import PATHS

TEN = 1_772_359_200_000
ELEVEN, TWELVE = TEN + HOUR_MS, TEN + 2 * HOUR_MS
HIDDEN = "what nobody may keep"


def tweet_id(ms: int, low: int) -> str:
    return str(((ms - SNOWFLAKE_MS) << 22) + low)


GONE, WITHHELD, STAYS = tweet_id(TEN + 60_000, 1), tweet_id(TEN + 61_000, 2), tweet_id(TEN + 62_000, 3)
IDS = frozenset({GONE, WITHHELD})


def tweet(of: str, **more: Any) -> bytes:
    return json.dumps({"data": {"id": of, "text": HIDDEN if of in IDS else "of interest", **more}}).encode()


def name(hour: int, unique: str) -> str:
    return LandingFile(hour + 61_000, hour + 65_000, "x", unique).name


def land(hdfs: Files, hour: int, unique: str, *lines: bytes) -> None:
    path = f"{PATHS.landing_hour(hour)}/{name(hour, unique)}"
    hdfs.replace(path, b"".join(line + b"\n" for line in lines))
    hdfs.times[path] = hour


class Table:
    """The ledger as far as a purge reads it; `sealed` says what was sealed again, in its order."""

    def __init__(self, *hours: int) -> None:
        self.hours = {hour: {"complete": hour != ELEVEN, "gap": "" if hour != ELEVEN else "x is at 11:20",
                             "through_ms": hour + HOUR_MS + 600_000} for hour in hours}
        self.sealed: list[Seal] = []


def a_stream(hdfs: Any, table: Table, spool: Path | None = None) -> Stream:
    return Stream(hdfs, PATHS, lambda: table.hours, table.sealed.append, lambda: TWELVE, lambda text: None, spool)


def parquet(*bodies: bytes) -> bytes:
    sink = io.BytesIO()
    rows = [{"reason": "not_json", "file": "f", "line": n, "body": body} for n, body in enumerate(bodies, 1)]
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def filled() -> Files:
    """An hour that is partly packed, the next in landing with a retweet and a quote, and lines that were put aside."""
    hdfs = Files(lambda: TWELVE)
    land(hdfs, TEN, "a", tweet(GONE), tweet(STAYS), b'{"delete":{"status":{"id_str":"%s"}}}' % GONE.encode())
    packing.move(hdfs, PATHS, TEN, [name(TEN, "a")])
    land(hdfs, TEN, "b", tweet(WITHHELD), b"\xff cut %s" % GONE.encode(), tweet(STAYS))
    retweet = tweet(tweet_id(ELEVEN + 5_000, 4), referenced_tweets=[{"type": "retweeted", "id": GONE}])
    copy = {"includes": {"tweets": [{"id": GONE, "text": HIDDEN}]}}
    land(hdfs, ELEVEN, "c", retweet, json.dumps({"data": {"id": STAYS, "text": "mine"}, **copy}).encode())
    land(hdfs, ELEVEN, "d", tweet(STAYS))
    hdfs.replace(f"{PATHS.quarantine_hour(TEN)}/part-0.parquet", parquet(b"\xff cut %s" % GONE.encode(), b"other"))
    return hdfs


def everything(hdfs: Files) -> bytes:
    """All bytes that a reader could get at, packs and Parquet opened."""
    found = b""
    for path, data in hdfs.data.items():
        if packs.is_pack(path):
            data = b"\n".join(line for _, line in packs.unpack(data))
        if path.endswith(".parquet"):
            data = b"\n".join(pq.read_table(pa.BufferReader(data))["body"].to_pylist())
        found += data
    return found
