"""What the tasks of hashtag_purge do: of each stream, what it said itself is withdrawn, and the ids of the form."""
from __future__ import annotations

import logging
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from deploy import watchdog
from deploy.airflow import tools
from deploy.airflow.retire_operator import by_hand
from deploy.airflow.seal_operator import asker
from deploy.purging import doing
from deploy.purging.doing import Purged
from deploy.purging.looking import events, look
from spark_apps.contract import HOUR_MS, hour_name

log = logging.getLogger(__name__)

#: What has waited longer for the seal of its hour is looked at by a person.
_WAITS_MS = 24 * HOUR_MS


def streams(context: Any) -> list[str]:
    """The one asked for, else all."""
    asked = (context["dag_run"].conf or {}).get("stream")
    return [asked] if asked else list(watchdog.streams(tools.launcher(say=log.info)))


def purge(stream: str, context: Any) -> dict[str, Any]:
    """AirflowFailException where something stays that should have gone by now."""
    params, made = context["params"], doing.stream_of(tools.launcher(say=log.info), stream)
    ids = frozenset(params["ids"].split()) | events(made.hdfs, made.paths, made.now_ms() - params["hours"] * HOUR_MS)
    if by_hand(context) and not params["execute"]:
        found = look(made.hdfs, made.paths, ids, made.say)
        for place in found.places:
            log.info("%s: %d lines", place.path, place.lines)
        log.info("nothing is purged: `execute` is off")
        return {"ids": len(ids), "lines": sum(place.lines for place in found.places)}
    done = doing.purge(made, ids, asker(context))
    for one in done.left:
        log.info("left: %s", one.why)
    if overdue := _overdue(done, made.now_ms()):
        raise AirflowFailException(f"{overdue}. Seal that hour, then clear this task")
    return done.as_json()


def _overdue(done: Purged, now_ms: int) -> str:
    hours = [one.hour for one in done.left if one.hour is not None and one.hour < now_ms - _WAITS_MS]
    return f"{len(hours)} files wait for {hour_name(min(hours))} to be sealed" if hours else ""
