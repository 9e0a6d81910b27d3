"""A report as people read it."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deploy.bench.report import MEMORY
from deploy.lines import table


def text(found: Mapping[str, Any]) -> str:
    data, counts = found["data"], found["counts"]
    head = (f"{data['tweets']:,} tweets (seed {data['seed']}, {data['bytes'] / 1e6:,.0f} MB in {data['files']:,} "
            f"files), Spark {found['spark']} on local[{found['cores']}], RocksDB, duplicates dropped")
    parts = [head, _figures(found), _ratios(found)]
    if found["day"]:
        parts.append(_day(found["day"]))
    if found["soak"]:
        parts.append(_soak(found["soak"]))
    if counts["equal"]:
        parts.append(f"Counts: {counts['rows']:,} rows of minute and tag, {counts['tweets']:,} different tweets, the "
                     f"same of {', '.join(counts['sides'])}.")
    return "\n\n".join([*parts, f"The tweets stay in {data['directory']}"])


def _figures(found: Mapping[str, Any]) -> str:
    rows = []
    for one in found["figures"]:
        speed, cpu, batch = one["tweets_per_s"], one["cpu_s_per_million"], one["batch_s"]
        rows.append([one["title"], f"{speed['median']:,.0f}", _range(speed, ",.0f"), str(speed["n"]),
                     f"{cpu['median']:.1f}", f"{batch['median']:.2f} s, {one['batches']} a run" if batch else "-"])
    return table(rows, ["side", "tweets/s", "range", "n", "cpu s/million", "median batch"])


def _ratios(found: Mapping[str, Any]) -> str:
    rows = [[one["title"], f"{one['median']:.2f}", _range(one, ".2f"),
             f"{one['by_cpu']['median']:.2f}", *_aim(one)] for one in found["ratios"]]
    return table(rows, ["ratio", "median", "range", "by cpu", "aim", "met"])


def _aim(one: Mapping[str, Any]) -> list[str]:
    if one["aim"] is None:
        return ["-", "-"]
    return [f"{'<=' if one['at_most'] else '>='} {one['aim']:.2f}", "yes" if one["met"] else "no"]


def _day(day: Mapping[str, Any]) -> str:
    took = day["hour_s"]
    return (f"A day sealed in one application: {day['hours']} hours of {day['tweets']:,} tweets, "
            f"{day['tweets_per_s']:,} tweets/s, {took['median']:.1f} s an hour ({_range(took, '.1f')})")


def _soak(soak: Mapping[str, Any]) -> str:
    samples = soak["samples"]
    every = max(1, len(samples) // 12)
    rows = [[f"{one['at_s'] / 60:.1f}", *(f"{one[name]:,.0f}" for name in MEMORY),
             f"{one['state_rows']:,}", f"{one['batch_id']:,}"] for one in samples[::every]]
    lines = ["Memory (MB) while batches go on; the JVM's is its whole heap, code, classes and native memory:",
             table(rows, ["minute", *MEMORY.values(), "state rows", "batch"])]
    if soak["slopes"]:
        slopes = soak["slopes"]
        each = ", ".join(f"{title} {slopes[name]:+.2f}" for name, title in MEMORY.items())
        lines.append(f"Slope of the last {soak['minutes']:.0f} minutes, in MB a minute: {each}; state "
                     f"{slopes['state_rows']:+,.0f} rows a minute. Flat: {'yes' if soak['flat'] else 'no'}")
    return "\n".join(lines)


def _range(spread: Mapping[str, Any], spec: str) -> str:
    return f"{spread['min']:{spec}}..{spread['max']:{spec}}"
