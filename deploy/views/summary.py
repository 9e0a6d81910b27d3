"""What one wants to know first, above every view: how it is, how far behind, what happened, which hours need a look."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from deploy.views.hours import DRIFTING, INCOMPLETE, OVERDUE, UNSOUND

#: Hours back that are looked at.
HOURS = 24
_LOOK = (UNSOUND, DRIFTING, OVERDUE, INCOMPLETE)
_NAMES = {"restart": ("restart that nobody asked for", "restarts that nobody asked for"),
          "end": ("end without a restart", "ends without a restart"), "outage": ("outage", "outages"),
          "gap": ("gap in what was received", "gaps in what was received"), "parked": ("time parked", "times parked")}
#: How a downtime is over, where nothing was started again.
_NOT_BACK = ("open", "stopped")


def summary(health: dict[str, Any], hours: Sequence[dict[str, Any]],
            events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`hours` that need a look, the newest first, and how many of each kind happened, of the last 24 hours. Pure."""
    counted = Counter("restart" if one["what"] == "end" and one["how"] not in _NOT_BACK else str(one["what"])
                      for one in events)
    return {
        **{name: health[name] for name in ("tone", "said", "ok", "reasons", "now_ms", "newest_minute_ms")},
        "happened": [f"{n} {_NAMES[what][n > 1]}" for what, names in _NAMES.items() if (n := counted[what])],
        "newest": {name: events[0][name] for name in ("time_ms", "title")} if events else None,
        "hours": [{name: one[name] for name in ("hour_ms", "hour", "state", "why")} for one in hours[:HOURS]
                  if one["state"] in _LOOK]}
