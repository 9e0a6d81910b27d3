"""What Airflow shows of a held stream, sent as the triggerer sends it, through Airflow's own API to its database."""
from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy import desired, health, supervisor
from deploy.airflow import state
from deploy.airflow.state import EVERY_MS, HEALTH, STREAMS, Published
from deploy.observation import observe
from tests.fakes.batches import PATHS, STREAM, Batches
from tests.fakes.world import SPEC

ROOT = Path(__file__).parents[2]


class Comms:
    """The triggerer's channel: what it would send, handled as its supervisor does where a client is given."""

    def __init__(self, client: Any = None) -> None:
        self.client, self.sent, self.fails, self.hangs = client, [], False, False

    async def asend(self, msg: Any) -> Any:
        from airflow.sdk.execution_time import request_handlers

        if self.hangs:
            await asyncio.sleep(3600)
        if self.fails:
            raise RuntimeError("404: Asset with name='hashtide_streams' not found")
        self.sent.append(msg)
        if self.client:
            handle = {"SetAssetStateStoreByName": request_handlers.handle_set_asset_state_store_by_name,
                      "SetXCom": request_handlers.handle_set_xcom}[msg.type]
            handle(self.client, msg)

    def values(self) -> dict[str, Any]:
        return {msg.key: msg.value for msg in self.sent}


@pytest.fixture
def comms(monkeypatch: pytest.MonkeyPatch) -> Comms:
    from airflow.sdk.execution_time import task_runner

    made = Comms()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", made, raising=False)
    return made


TI = SimpleNamespace(dag_id="hashtag_stream", task_id="hold", run_id="run1", map_index=-1)


def publish(world: Batches, published: Published, ti: Any = TI) -> None:
    seen = observe(world.tools, STREAM)
    asyncio.run(published.publish(ti, health.judge(seen), seen, world.tools.cluster))


@pytest.fixture
def running(world: Batches) -> Batches:
    world.provision()
    supervisor.ask(world.tools, SPEC, "ada", "more tags")
    world.tools.launch(SPEC)
    return world


def test_a_stream_is_a_row_of_the_assets_state_and_an_xcom_of_its_task(running: Batches, comms: Comms) -> None:
    publish(running, Published())
    [row, *xcoms] = comms.sent
    assert (row.type, row.name, row.key) == ("SetAssetStateStoreByName", "hashtide_streams", STREAM)
    assert (row.value["verdict"], row.value["epoch"], row.value["why"]) == ("starting", 1, "more tags")
    assert row.value["time"].endswith("Z")
    assert {(x.dag_id, x.task_id, x.run_id) for x in xcoms} == {("hashtag_stream", "hold", "run1")}
    assert comms.values()[HEALTH] == row.value


def test_it_is_written_when_the_verdict_changes_and_else_every_two_minutes(running: Batches, comms: Comms) -> None:
    published = Published()
    publish(running, published)
    written = len(comms.sent)
    for _ in range(20):
        running.ms += 5_000
        publish(running, published)
    assert len(comms.sent) == written
    running.commit(1)
    publish(running, published)
    assert comms.sent[-1].value != "" and comms.values()[STREAM]["verdict"] == "running"
    written = len(comms.sent)
    running.ms += EVERY_MS
    publish(running, published)
    assert len(comms.sent) > written


def test_a_verdict_whose_numbers_move_is_the_same_verdict(running: Batches, comms: Comms) -> None:
    published, written = Published(), list[int]()
    running.commit(1)
    for text in ("no commit for 61 s", "no commit for 66 s"):
        seen = replace(observe(running.tools, STREAM), stalled=text)
        asyncio.run(published.publish(TI, health.judge(seen), seen, running.tools.cluster))
        written.append(len(comms.sent))
    assert written[0] and written[0] == written[1]


def test_the_button_to_the_logs_follows_the_newest_attempt(running: Batches, comms: Comms,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    published = Published()
    seen = observe(running.tools, STREAM)
    for attempt in (1, 2):
        page = f"http://nm:8042/node/containerlogs/container_1_000{attempt}/hash tide"
        found = replace(seen, app=replace(seen.app, am_container_logs=page))
        asyncio.run(published.publish(TI, health.judge(found), found, running.tools.cluster))
        assert comms.values()["_link_LogsLink"] == page.replace(" ", "%20")


@pytest.mark.parametrize("how", ["fails", "hangs"])
def test_an_airflow_that_does_not_take_it_holds_nothing_up(running: Batches, comms: Comms, how: str,
                                                           monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setattr(state, "TIMEOUT_S", 0.05)
    setattr(comms, how, True)
    published = Published()
    publish(running, published)
    running.ms += EVERY_MS
    publish(running, published)
    said = [record.message for record in caplog.records if "not shown in Airflow" in record.message]
    assert len(said) == 1, "said once"


def test_without_a_task_instance_nothing_is_sent(running: Batches, comms: Comms) -> None:
    publish(running, Published(), None)
    assert comms.sent == []


@pytest.fixture
def api(database: None, comms: Comms) -> Comms:
    """Airflow's execution API in this process, as a triggerer has it; the DAGs are stored, so the asset is there."""
    from airflow.api_fastapi.execution_api.app import InProcessExecutionAPI
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models.dagbundle import DagBundleModel
    from airflow.sdk.api.client import Client
    from airflow.utils.session import create_session

    with create_session() as session:
        if not session.get(DagBundleModel, "tests"):
            session.add(DagBundleModel(name="tests"))
    sync_bag_to_db(DagBag(ROOT / "dags"), "tests", None)
    app = InProcessExecutionAPI()
    comms.client = Client(base_url=None, token="", dry_run=True, transport=app.transport)
    comms.client.base_url = "http://in-process.invalid./"
    return comms


def test_airflow_takes_it_from_a_trigger_and_its_ui_can_read_it(running: Batches, api: Comms) -> None:
    from airflow.models.asset import AssetModel
    from airflow.models.asset_state_store import AssetStateStoreModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    asyncio.run(state.AssetStateStoreAccessor(name=STREAMS.name).aset(STREAM, {"verdict": "running"}))
    with create_session() as session:
        asset = session.scalar(select(AssetModel).where(AssetModel.name == STREAMS.name))
        assert asset.active, "an inactive asset's state cannot be written"
        [stored] = session.scalars(select(AssetStateStoreModel).where(AssetStateStoreModel.asset_id == asset.id))
        assert (stored.key, json.loads(stored.value)) == (STREAM, {"verdict": "running"})
    assert desired.read(running.hdfs, PATHS)
