"""What became of each sealed hour's lines, and whether that adds up."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deploy import gaps
from deploy.landed import iso
from deploy.spans import Span
from spark_apps.contract import hour_name

if TYPE_CHECKING:
    from deploy.tables import Tables

FATES = ("counted", "duplicate", "late", "control", "pending")
_COLUMNS = ["hour", "revision", "through_ms", "complete", "gap", "lines", *FATES, "quarantined", "sealed_at"]


def read(tables: Tables, window: Span, now_ms: int) -> list[dict[str, Any]]:
    """The ledger's rows of the hours in [from, to) ms, by hour; each with `adds_up` and its `incomplete_minutes`."""
    rows = sorted(tables.rows("ledger", _COLUMNS, window), key=lambda row: row["hour"])
    missing = gaps.incomplete(gaps.read(tables.files, tables.paths, window, now_ms), window, now_ms)
    return [{**row, "quarantined": dict(row["quarantined"] or {}), "adds_up": adds_up(row),
             "incomplete_minutes": [iso(ms) for ms in missing if hour_name(ms) == f"{row['hour']:%Y-%m-%dT%H}"]}
            for row in rows]


def adds_up(row: dict[str, Any]) -> bool:
    """lines = counted + duplicate + late + control + quarantined + pending, the last for hours without a seal yet."""
    quarantined = sum(dict(row["quarantined"] or {}).values())
    return bool(row["lines"] == sum(row[fate] or 0 for fate in FATES) + quarantined)
