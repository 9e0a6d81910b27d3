"""Runs -> figures, ratios within a repeat, and whether each aim is met. Pure."""
from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

TITLES = {
    "stream_cold": "stream, first of its JVM", "stream": "stream, warm", "steady": "stream, landed bit by bit",
    "noop": "stream, tweets thrown away", "counted": "stream, counts thrown away", "poison": "stream, odd 1 in 100",
    "batch": "Spark's batch, warm", "orjson": "orjson, one process", "duckdb": "DuckDB, 2 threads",
}


@dataclass(frozen=True)
class Ratio:
    """Of the speeds of two sides, or where `cost` of their seconds; `aim`: at least, or where `cost` at most."""

    name: str
    title: str
    side: str
    other: str
    aim: float | None = None
    cost: bool = False


RATIOS = (
    Ratio("stream_of_batch", "speed of the stream / of Spark's batch", "stream", "batch", 0.75),
    Ratio("sink_over_noop", "seconds with the sink / with none", "stream", "noop", 1.35, cost=True),
    Ratio("poison_over_none", "seconds with odd lines / without", "poison", "stream", 1.10, cost=True),
    Ratio("commit_over_counted", "seconds with the commit / without", "stream", "counted", cost=True),
    Ratio("steady_of_stream", "speed of the steady stream / of the stream", "steady", "stream"),
    Ratio("stream_of_orjson", "speed of the stream / of orjson", "stream", "orjson"),
    Ratio("stream_of_duckdb", "speed of the stream / of DuckDB", "stream", "duckdb"),
)
#: What a sample of a soak has of memory, in MB.
MEMORY = {"java_mb": "JVM", "heap_mb": "heap in use", "code_mb": "code", "classes_mb": "classes", "native_mb": "native",
          "python_mb": "Python"}
#: Memory is flat where in the second half of a soak it grows by no more than this share of itself.
FLAT = 0.05


def spread(values: Iterable[float], digits: int) -> dict[str, Any]:
    found = [float(value) for value in values]
    return {"median": round(statistics.median(found), digits), "min": round(min(found), digits),
            "max": round(max(found), digits), "n": len(found)}


def figures(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row a side; processor seconds are for a million tweets."""
    out = []
    for side, title in TITLES.items():
        mine = [run for run in runs if run["side"] == side]
        if mine:
            batches = [run["batch_s"] for run in mine if run["batch_s"] is not None]
            out.append({"side": side, "title": title,
                        "tweets_per_s": spread((run["tweets"] / run["seconds"] for run in mine), 0),
                        "cpu_s_per_million": spread((run["cpu_s"] * 1e6 / run["tweets"] for run in mine), 2),
                        "batch_s": spread(batches, 2) if batches else None, "batches": mine[0]["batches"]})
    return out


def ratios(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each repeat by itself: what else the machine did in one of them cancels out."""
    by = {(run["side"], run["repeat"]): run for run in runs}
    repeats = sorted({repeat for _, repeat in by})
    out = []
    for ratio in RATIOS:
        pairs = [(by[ratio.side, n], by[ratio.other, n]) for n in repeats
                 if (ratio.side, n) in by and (ratio.other, n) in by]
        if not pairs:
            continue
        found = spread((quotient(ratio, one["seconds"], other["seconds"]) for one, other in pairs), 3)
        by_cpu = spread((quotient(ratio, one["cpu_s"], other["cpu_s"]) for one, other in pairs), 3)
        met = None
        if ratio.aim is not None:
            met = found["median"] <= ratio.aim if ratio.cost else found["median"] >= ratio.aim
        out.append({"name": ratio.name, "title": ratio.title, **found, "by_cpu": by_cpu, "aim": ratio.aim,
                    "at_most": ratio.cost, "met": met})
    return out


def quotient(ratio: Ratio, one: float, other: float) -> float:
    return one / other if ratio.cost else other / one


def soaked(samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """MB a minute over the second half, by least squares, and whether that is flat."""
    half = samples[len(samples) // 2:]
    at = [one["at_s"] / 60 for one in half]
    if len(half) < 2:
        return {"samples": list(samples), "slopes": {}, "flat": None}
    slopes = {name: round(statistics.linear_regression(at, [one[name] for one in half]).slope, 3)
              for name in (*MEMORY, "state_rows")}
    grown = (slopes["java_mb"] + slopes["python_mb"]) * (at[-1] - at[0])
    size = statistics.mean(one["java_mb"] + one["python_mb"] for one in half)
    return {"samples": list(samples), "slopes": slopes, "minutes": round(at[-1] - at[0], 1),
            "flat": grown <= FLAT * size}


def day(measured: Mapping[str, Any]) -> dict[str, Any]:
    return {"hours": measured["hours"], "tweets": measured["tweets"],
            "tweets_per_s": round(measured["tweets"] / measured["seconds"]), "hour_s": spread(measured["hour_s"], 2)}


def report(data: Any, measured: Mapping[str, Any], samples: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    return {
        "data": asdict(data), "spark": measured["spark"], "cores": measured["cores"],
        "figures": figures(measured["runs"]), "ratios": ratios(measured["runs"]),
        "day": day(measured["day"]) if measured["day"] else None,
        "counts": {**measured["counts"], "equal": not measured["differences"], "differences": measured["differences"]},
        "soak": None if samples is None else soaked(samples),
    }


def missed(found: Mapping[str, Any]) -> list[str]:
    """Names of the aims that are not met."""
    names = [ratio["name"] for ratio in found["ratios"] if ratio["met"] is False]
    return names + (["memory"] if found["soak"] and found["soak"]["flat"] is False else [])
