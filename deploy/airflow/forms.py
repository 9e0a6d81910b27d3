"""The DAGs' parameters as forms: the ranges are those of deploy.launch.StreamSpec."""
from __future__ import annotations

from dataclasses import fields

from airflow.sdk import Param

from deploy.launch import StreamSpec
from spark_apps.contract import STREAM_NAME

_DEFAULT = {field.name: field.default for field in fields(StreamSpec)}
HOUR = r"^(|\d{4}-\d{2}-\d{2}T\d{2})$"
RELEASE = r"^(|[0-9A-Za-z][0-9A-Za-z.+-]*)$"


def stream(default: str = "hashtags") -> Param:
    return Param(default, "Letters, digits, _; up to 40", type="string", pattern=f"^{STREAM_NAME.pattern}$",
                 title="Stream")


def release() -> Param:
    return Param("", "A release in HDFS; empty: this checkout's, or whatever runs already", type="string",
                 pattern=RELEASE, maxLength=100, title="Release")


def hour(title: str, text: str) -> Param:
    return Param("", text, type="string", pattern=HOUR, title=title)


def streaming() -> dict[str, Param]:
    return {
        "stream": stream(),
        "trigger_seconds": _whole("Trigger", "Seconds between batches", "trigger_seconds", 1, 300),
        "max_files": _whole("Files a batch", "At most so many landing files in one batch", "max_files", 1, 10_000),
        "watermark_minutes": _whole("Watermark", "Minutes that a tweet may be late, and duplicates are remembered",
                                    "watermark_minutes", 1, 1440),
        "release": release()}


def _whole(title: str, text: str, name: str, low: int, high: int) -> Param:
    return Param(_DEFAULT[name], text, type="integer", minimum=low, maximum=high, title=title)
