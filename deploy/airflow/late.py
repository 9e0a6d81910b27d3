"""Airflow's own deadline of hashtag_watchdog: whoever tells of everything else cannot tell that it has come to no end.

Runs in the triggerer, in a thread of its own: HDFS and notifiers may take their time.
"""
from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from deploy.airflow import tools
from deploy.airflow.work import connection_password
from deploy.alerts import conf, notifiers
from deploy.alerts.doing import Watch
from deploy.errors import HashtideError
from deploy.lines import line

log = logging.getLogger(__name__)

#: Twice its period, and before its own time-out ends it.
WITHIN = timedelta(minutes=10)


def deadline() -> DeadlineAlert:
    return DeadlineAlert(reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=WITHIN, callback=AsyncCallback(told))


async def told(context: Any = None, **_: Any) -> None:
    """Over once a later run has looked. Raises nothing: nobody would see it."""
    run = str(((context or {}).get("dag_run") or {}).get("dag_run_id") or "a run")
    await asyncio.to_thread(_tell, line(run, 120))


def _tell(run: str) -> None:
    try:
        made = tools.launcher(say=log.info)
        config = conf.load(conf.find(made.cluster))
        report = Watch(made, config, notifiers.made(config, connection_password), True, log.info).late(
            f"{run} of hashtag_watchdog has not ended in {WITHIN.seconds // 60} minutes")
    except HashtideError as error:
        log.error("nobody was told that %s of hashtag_watchdog does not end: %s", run, error)
        return
    for name, why in report.untold.items():
        log.error("%s was not told: %s", name, why)
