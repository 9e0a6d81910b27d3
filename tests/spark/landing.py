"""Records in the platform's shapes, and landing files that hold them."""
from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from spark_apps.sources import read_files

#: When the lines of these tests arrive: 2026-03-01T10:00:00Z.
NOW = 1_772_359_200_000
FILE = f"{NOW - 5_000}-{NOW}-x-1.jsonl"


def snowflake(ms: int, low: int = 1) -> str:
    return str((ms - 1_288_834_974_657) << 22 | low)


ID = snowflake(NOW - 1_000)


def line(record: Any) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode()


def v2(around: dict[str, Any] | None = None, **data: Any) -> bytes:
    """A record of the filtered stream; a field given as None is left out."""
    tweet = {"id": ID, "author_id": "7", "text": "no tag", "entities": {"mentions": []}, **data}
    return line({"data": {name: value for name, value in tweet.items() if value is not None}, **(around or {})})


def v1(**fields: Any) -> bytes:
    """A v1.1 status."""
    status = {"id": int(ID), "id_str": ID, "user": {"id_str": "7"}, "text": "no tag", "entities": {"hashtags": []},
              **fields}
    return line({name: value for name, value in status.items() if value is not None})


def retweet(original: dict[str, Any] | None, **data: Any) -> bytes:
    """A retweet of tweet 5, which is included behind a quoted tweet that has tags of its own."""
    quoted = {"id": "6", "text": "#quoted", "entities": {"hashtags": [{"tag": "quoted"}]}}
    included = [quoted, *([{"id": "5", **original}] if original is not None else [])]
    return v2({"includes": {"tweets": included}}, **{
        "referenced_tweets": [{"type": "retweeted", "id": "5"}], "text": "RT @a: #cu…",
        "entities": {"hashtags": [{"tag": "cut"}]}, **data})


def tags(*names: str | None) -> dict[str, Any]:
    return {"hashtags": [{"start": 0, "end": 1, "tag": name} for name in names]}


def write(directory: Path, lines: Sequence[bytes], name: str = FILE) -> Path:
    path = directory / name
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def read(spark: SparkSession, directory: Path, lines: Sequence[bytes]) -> DataFrame:
    """(value, file, at): these lines as the sources read them. Sort by `at` to get them back in their order."""
    return read_files(spark, [str(write(directory, lines))])
