"""What `top --live` and `status --watch` draw, from what the page shows, too: 80 columns are enough."""
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deploy.lines import safe, screen
from deploy.saying import lasted
from deploy.verbs.common import iso

if TYPE_CHECKING:
    from rich.console import RenderableType

_BARS = "▁▂▃▄▅▆▇█"
_CURVE = 15
_STATES = {"running": "green", "stopped": "dim"}


def top(stream: str, found: dict[str, Any]) -> RenderableType:
    """Of `deploy.views.now`."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    window = found["window"]
    if window is None:
        return Text(f"No counts yet for stream {stream}; `deploy/hashtide status` shows how far it is.")
    head = Text.assemble((stream, "bold"), f"  {iso(window['from_ms'], '%Y-%m-%d %H:%M')} to "
                         f"{iso(window['to_ms'], '%H:%M')} UTC, {window['length']}, {window['all_tweets']:,} tweets: ",
                         (window["said"], "green" if window["state"] != "open" else "yellow"))
    trend = found["by"] == "trend"
    table = Table(box=None, pad_edge=False, expand=True)
    for name, more in (("#", {"justify": "right"}), ("±", {"justify": "right"}), ("tag", {"ratio": 1}),
                       ("tweets", {"justify": "right"}), ("people", {"justify": "right"}),
                       ("score" if trend else "retweets", {"justify": "right"}),
                       (f"since {iso(found.get('curve_from_ms', 0), '%H:%M')}", {"min_width": _CURVE})):
        table.add_column(name, no_wrap=True, overflow="ellipsis", **more)
    for one in found["tags"]:
        part = f"{one['score']:.1f}" if trend and one["score"] is not None else "-" if trend else (
            f"{one['retweets'] / one['tweets']:.0%}" if one["tweets"] else "-")
        table.add_row(str(one["rank"]), change(one["rank_change"]), Text("#" + safe(one["display"])),
                      f"{one['tweets']:,}", f"{one['authors']:,}", part, Text(bars(one["curve"]), style="cyan"))
    return Group(head, table)


def change(places: int | None) -> RenderableType:
    from rich.text import Text

    if places is None:
        return Text("new", style="green")
    return Text(f"{places:+d}", style="green" if places > 0 else "red") if places else Text("=", style="dim")


def bars(curve: Sequence[int]) -> str:
    """A character for each of so many parts of the curve."""
    size = -(-len(curve) // _CURVE)
    parts = [sum(curve[n:n + size]) for n in range(0, len(curve), size)]
    most = max(parts, default=0) or 1
    return "".join(_BARS[round(one * (len(_BARS) - 1) / most)] for one in parts)


def status(rows: Sequence[Any], stream: dict[str, Any] | None, now_s: float) -> RenderableType:
    """Of processes as deploy.local has them, and a stream as `status --json` has it."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return Text("Nothing runs; `deploy/hashtide up` starts it.")
    table = Table(box=None, pad_edge=False, expand=True)
    for name in ("process", "state", "pid", "memory", "for"):
        table.add_column(name, no_wrap=True, justify="right" if name in ("pid", "memory", "for") else "left")
    table.add_column("address", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in rows:
        table.add_row(row.name, Text(row.state, style=_STATES.get(row.state, "red")), str(row.pid or "-"),
                      f"{row.rss_mb} MB" if row.rss_mb is not None else "-",
                      lasted(max(0, round(now_s - row.since))) if row.since else "-", row.url)
    told = Text(screen(stream["text"]) if stream else "", overflow="fold")
    if stream:
        told.stylize("bold green" if stream["ok"] else "bold red", 0, stream["text"].find("\n") % (len(told) + 1))
    return Group(table, Text(""), told)
