"""How a run of hashtag_stream came out, where its person looks: the XCom `outcome` of the task, and the run's note.

The note needs Airflow's API as the cluster file has it, [airflow]; without it the XCom and the log have all.
"""
from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import Context

from deploy.airflow_api import AirflowApi
from deploy.errors import HashtideError
from deploy.launch import Launcher

log = logging.getLogger(__name__)

KEY = "outcome"
_NOTE_CHARACTERS = 1_000


def tell(made: Launcher, context: Context, what: str, told: dict[str, Any]) -> None:
    """Best effort: an Airflow that takes no note must not change how the run ends.

    `what`: parked, superseded, rejected; `told`: {"reason", "next_steps": {name: what to do}, ...}.
    """
    ti = context["ti"]
    ti.xcom_push(key=KEY, value={"what": what, **told})
    if not made.cluster.airflow.url:
        return
    try:
        AirflowApi(made.cluster.airflow).note(ti.dag_id, ti.run_id, note(what, told))
    except HashtideError as error:
        log.warning("the run has no note: %s", error)


def note(what: str, told: dict[str, Any]) -> str:
    """Markdown. A reason may be anybody's text: indented it is shown as it is, whatever it has in it."""
    reason = " ".join(str(told.get("reason") or "").split())
    steps = [f"* {name}: {text}" for name, text in (told.get("next_steps") or {}).items()]
    after = "\n\n" + "\n".join(steps) if steps else ""
    head = f"**{what}**\n\n    "
    return head + reason[:_NOTE_CHARACTERS - len(head) - len(after)] + after


def ways_on(stream: str) -> dict[str, str]:
    """From a park, in Airflow."""
    return {"resume": f"mend the cause, then trigger hashtag_stream with stream = {stream}, mode = resume",
            "roll back": f"trigger hashtag_stream with stream = {stream}, mode = savepoint; the names are in "
                         f"`deploy/hashtide checkpoint list --stream {stream}`",
            "stop": f"`deploy/hashtide stream stop --stream {stream}`; it stays down"}
