"""How a held stream is, where Airflow shows it while the task is deferred.

* asset `hashtide_streams`, its state store: a row a stream, also when no task holds it any more
* the task's XComs: `health`, and its buttons, which YARN's next attempt of the driver changes

Written when the verdict changes, else every two minutes: numbers that are older than that are on the Spark UI. Airflow
may be slow or away; what could not be written is written with the next change, and nobody waits for it.
"""
from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from airflow.sdk import Asset
from airflow.sdk.execution_time.context import AssetStateStoreAccessor
from airflow.sdk.execution_time.xcom import XCom

from deploy import pages
from deploy.airflow import links
from deploy.config import Cluster
from deploy.health import Health
from deploy.observation import Observation

log = logging.getLogger(__name__)

#: Among the inlets of hashtag_provision's task: Airflow drops the state of an asset that no DAG knows.
STREAMS = Asset(name="hashtide_streams", uri="hashtide://streams")
#: The XCom of the task.
HEALTH = "health"
EVERY_MS = 120_000
TIMEOUT_S = 10.0


@dataclass
class Published:
    """What a trigger has written. Lost with it: the next one writes at once."""

    said: tuple[Any, ...] = ()
    at_ms: int = 0
    failed: str = ""

    async def publish(self, ti: Any, found: Health, seen: Observation, cluster: Cluster) -> None:
        """Never raises, and takes no longer than TIMEOUT_S. `ti`: None where Airflow gives the trigger none."""
        logs = pages.logs(seen.app) if seen.app else ""
        said = (found.verdict.partition(":")[0], found.application, found.epoch, found.generation, logs)
        if said == self.said and seen.now_ms - self.at_ms < EVERY_MS:
            return
        self.said, self.at_ms = said, seen.now_ms
        try:
            await asyncio.wait_for(_write(ti, as_json(found, seen), _buttons(found, seen, cluster)), TIMEOUT_S)
        except Exception as error:
            if self.failed != (why := f"{type(error).__name__}: {error}"[:200]):
                self.failed = why
                log.warning("stream %s: its health is not shown in Airflow: %s", found.stream, why)
        else:
            self.failed = ""


def as_json(found: Health, seen: Observation) -> dict[str, Any]:
    """{"time", "verdict", "ok", ...}: what is known; times of UTC."""
    at = datetime.fromtimestamp(seen.now_ms / 1000, timezone.utc)
    return {"time": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            **{name: value for name, value in found.as_json().items() if value not in (None, "", {})}}


def _buttons(found: Health, seen: Observation, cluster: Cluster) -> dict[str, str]:
    """XComs by which Airflow stores a link's address."""
    if not seen.app or not seen.app.live:
        return {}
    made = pages.of(cluster, found.stream, seen.app, found.generation or 0)
    every = (links.YarnLink(), links.SparkLink(), links.LogsLink(), links.CheckpointLink())
    return {link.xcom_key: made[link.part] for link in every if link.part != "checkpoint" or found.generation}


async def _write(ti: Any, value: dict[str, Any], buttons: dict[str, str]) -> None:
    if ti is None:   # as in dag.test()
        return
    await AssetStateStoreAccessor(name=STREAMS.name).aset(str(value["stream"]), value)
    where = {"dag_id": ti.dag_id, "task_id": ti.task_id, "run_id": ti.run_id}
    for key, one in {HEALTH: value, **buttons}.items():
        await XCom.aset(key, one, **where)
