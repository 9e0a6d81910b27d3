"""The DAGs' parameters as forms: what they allow is what deploy.spec allows, and the defaults are the cluster's."""
from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

from airflow.sdk import Param

from deploy import config, spec
from deploy.config import Spark, Yarn
from deploy.errors import BadUse
from deploy.retention.horizons import RANGES, TELLING, Horizons
from deploy.spec import StreamSpec
from spark_apps.contract import STREAM_NAME

_DEFAULT = {field.name: field.default for field in fields(StreamSpec)}
HOUR = r"^(|\d{4}-\d{2}-\d{2}T\d{2})$"
DAY = r"^(|\d{4}-\d{2}-\d{2})$"
_PARAMETERS, _RESOURCES, _CLASSIC = "Parameters", "Resources", "Engine classic"


def stream(default: str = "hashtags") -> Param:
    return Param(default, "Letters, digits, _; up to 40", type="string", pattern=f"^{STREAM_NAME.pattern}$",
                 title="Stream")


def release() -> Param:
    return _text("release", "Release", "A release in HDFS; empty: this checkout's, or whatever runs already")


def hour(title: str, text: str) -> Param:
    return Param("", text, type="string", pattern=HOUR, title=title)


def day(title: str, text: str) -> Param:
    return Param("", text, type="string", pattern=DAY, title=title)


def whole(title: str, text: str, default: int, most: int = 1_000_000) -> Param:
    return Param(default, text, type="integer", minimum=1, maximum=most, title=title)


def number(title: str, text: str, default: float) -> Param:
    return Param(default, text, type="number", minimum=0, maximum=1_000, title=title)


def horizons() -> dict[str, Param]:
    """Of hashtag_retention: how long things stay, with the floors of deploy.retention."""
    defaults = Horizons()
    return {name: Param(getattr(defaults, name), text, type="integer", minimum=RANGES[name][0],
                        maximum=RANGES[name][1], title=name.replace("_", " ").capitalize())
            for name, text in TELLING.items()}


def streaming() -> dict[str, Param]:
    """The form of hashtag_stream."""
    yarn, spark = cluster()
    modes = "; ".join(f"{mode}: {words}" for mode, words in spec.MODES.items())
    return {
        "stream": stream(),
        "mode": Param(spec.RESUME, f"{modes}. All but resume stop the stream and wait for approval first",
                      type="string", enum=list(spec.MODES), title="Mode"),
        "savepoint": _text("savepoint", "Savepoint", "Mode savepoint: its name"),
        "reason": Param("", "Kept with the launch, shown by `stream status`", type="string",
                        pattern=f"^{spec.REASON}$", maxLength=200, title="Reason"),
        "trigger_seconds": _whole("trigger_seconds", "Trigger", "Seconds between batches"),
        "max_files": _whole("max_files", "Files a batch", "At most so many landing files in one batch"),
        "watermark_minutes": _whole("watermark_minutes", "Watermark",
                                    "Minutes that a tweet may be late, and duplicates are remembered"),
        "engine": Param(spec.STRUCTURED, "; ".join(f"{name}: {words}" for name, words in spec.ENGINES.items()),
                        type="string", enum=list(spec.ENGINES), title="Engine"),
        "landing": _text("landing", "Landing of", "The stream whose tweets are counted, beside that one's own engine; "
                         "empty: its own", section=_CLASSIC),
        "window_seconds": _whole("window_seconds", "Window", "Whole multiple of the trigger, at least the slide",
                                 section=_CLASSIC),
        "slide_seconds": _whole("slide_seconds", "Slide", "Seconds between windows, a whole multiple of the trigger",
                                section=_CLASSIC),
        "queue": Param(yarn.stream_queue, "YARN queue", type="string", enum=list(yarn.known_queues), title="Queue",
                       section=_RESOURCES),
        "executors": _whole("executors", "Executors", "Of the driver", spark.executors, _RESOURCES),
        "executor_memory": _text("executor_memory", "Executor memory", "Heap of each, such as 640m or 2g; empty: the "
                                 "cluster's", _allowed("executor_memory", spark.executor_memory), _RESOURCES),
        "release": release()}


def cluster() -> tuple[Yarn, Spark]:
    """Of HASHTIDE_CLUSTER or the local cluster; where there is none yet, runs say so and the form is there."""
    try:
        found = config.load()
    except BadUse:
        return Yarn(), Spark()
    return found.yarn, found.spark


def _allowed(name: str, value: str) -> str:
    return value if re.fullmatch(spec.SHAPES[name][0], value) else ""


def _text(name: str, title: str, text: str, default: str = "", section: str = _PARAMETERS) -> Param:
    return Param(default, text, type="string", pattern=f"^(|{spec.SHAPES[name][0]})$", title=title, section=section)


def _whole(name: str, title: str, text: str, default: Any = None, section: str = _PARAMETERS) -> Param:
    low, high = spec.RANGES[name]
    return Param(_DEFAULT[name] if default is None else default, text, type="integer", minimum=low, maximum=high,
                 title=title, section=section)
