"""What the samples of an ingest under load say, and whether each aim is met. Pure."""
from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from deploy.bench.ingest import Load, Outcome
from deploy.lines import table

#: Of the offered rate: more is not asked of a machine that does something else now and then.
_KEPT_UP = 0.95
#: Memory is flat where after the burst, or in the second half, it is by no more than this share above the time before.
_FLAT = 0.10
#: At the start the interpreter, its libraries and the first buffers grow.
_START_S = 15


def report(outcome: Outcome) -> dict[str, Any]:
    load, samples = outcome.load, outcome.samples
    before, burst, after = phases(load, samples)
    usual, high = rates(before if load.burst_s else [*before, *after]), rates(burst)
    memory = {"before_mb": middle(before), "most_mb": max((one["ingest_mb"] for one in samples), default=None),
              "after_mb": middle(after)}
    flat = None if memory["before_mb"] is None or memory["after_mb"] is None else (
        memory["after_mb"] <= memory["before_mb"] * (1 + _FLAT))
    aims = {"nothing lost": outcome.sent == outcome.landed and outcome.sent[0] > 0, "memory flat": flat,
            "kept up": None if usual is None else usual >= load.rate * _KEPT_UP,
            "kept up in the burst": None if not load.burst_s or high is None else high >= load.burst_rate * _KEPT_UP}
    return {"load": vars(load), "sent": outcome.sent[0], "landed": outcome.landed[0], "connects": outcome.connects,
            "tweets_per_s": usual, "burst_tweets_per_s": high, "memory": memory,
            "most_queue": max((one["queue"] for one in samples), default=0),
            "most_spool_mb": max((one["spool_mb"] for one in samples), default=0.0),
            "most_behind_s": max((one["behind_s"] for one in samples if one["behind_s"] is not None), default=None),
            "drained_s": round(outcome.drained_s, 1), "cpu": cpu(burst or [*before, *after]), "aims": aims}


def phases(load: Load, samples: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], ...]:
    """Before the burst, in it, and after it until the end of sending; of one without a burst its first half, nothing,
    and its second half."""
    from_s = (load.seconds - load.burst_s) / 2
    bounds = ((_START_S if load.seconds > 4 * _START_S else 2, from_s), (from_s + 2, from_s + load.burst_s),
              (from_s + load.burst_s + (5 if load.burst_s else 0), load.seconds - 1))
    return tuple([one for one in samples if first <= one["at_s"] < last] for first, last in bounds)


def rates(samples: Sequence[dict[str, Any]]) -> int | None:
    if len(samples) < 2:
        return None
    first, last = samples[0], samples[-1]
    return int((last["received"] - first["received"]) / (last["at_s"] - first["at_s"]))


def middle(samples: Sequence[dict[str, Any]]) -> float | None:
    return round(statistics.median(one["ingest_mb"] for one in samples), 1) if samples else None


def cpu(samples: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Of a core, by process, in the busiest phase."""
    if len(samples) < 2:
        return {}
    first, last = samples[0], samples[-1]
    return {name: round((last[f"{name}_cpu_s"] - first[f"{name}_cpu_s"]) / (last["at_s"] - first["at_s"]), 2)
            for name in ("simulator", "ingest", "hdfs")}


def limit(found: dict[str, Any], offered: int) -> str:
    """What keeps it from more."""
    took, cores = found["burst_tweets_per_s"] or found["tweets_per_s"] or 0, found["cpu"]
    if took >= offered * _KEPT_UP:
        return "nothing yet: it took all that was offered"
    busiest = max(cores, key=lambda name: cores[name], default="")
    if busiest and cores[busiest] >= 0.85:
        return f"the core of {busiest}, of which it uses {cores[busiest]:.0%}"
    if sum(cores.values()) >= 0.85 * 2:
        return f"two cores shared by all three, of which they use {sum(cores.values()):.0%}"
    return "no process by itself: what else this machine does, or the network between them"


def text(found: dict[str, Any], most: dict[str, Any] | None) -> str:
    rows = [_row(found, "as asked for")] + ([_row(most, "the most")] if most else [])
    parts = [table(rows, ["", "sent", "landed", "tweets/s", "in the burst", "MB before", "most", "after", "queue",
                          "spool MB", "behind", "cores: simulator, ingest, hdfs"])]
    words = {True: "yes", False: "NO", None: "not told"}
    parts.append("\n".join(f"{name}: {words[met]}" for name, met in found["aims"].items()))
    if most:
        parts.append(f"The most: {most['tweets_per_s'] or 0:,} tweets/s; limited by {most['limited_by']}. "
                     f"Nothing lost: {words[most['aims']['nothing lost']]}.")
    return "\n\n".join(parts)


def _row(found: dict[str, Any], title: str) -> list[str]:
    memory, cores = found["memory"], found["cpu"]
    return [title, f"{found['sent']:,}", f"{found['landed']:,}", _n(found["tweets_per_s"]),
            _n(found["burst_tweets_per_s"]), _n(memory["before_mb"]), _n(memory["most_mb"]), _n(memory["after_mb"]),
            _n(found["most_queue"]), _n(found["most_spool_mb"]), f"{found['most_behind_s'] or 0:.0f} s",
            ", ".join(f"{cores.get(name, 0):.2f}" for name in ("simulator", "ingest", "hdfs"))]


def _n(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def missed(found: dict[str, Any], most: dict[str, Any] | None) -> bool:
    return False in found["aims"].values() or bool(most and not most["aims"]["nothing lost"])
