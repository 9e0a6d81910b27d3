"""What of streams is past its time, or to be put together: listed, approved where a person asked, done by the
checksum of the list.

    lists: each stream, logged --to be done?--no--> []
                                      \\--yes--> stream and checksum for each that has anything
    retire: by hand? --yes--> awaiting input --approved--> deleted
               \\--no--> deleted
"""
from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context, Variable
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from deploy import watchdog
from deploy.airflow import outcome, tools
from deploy.airflow.approval import Approval
from deploy.airflow.seal_operator import asker
from deploy.errors import BadUse, Refused
from deploy.retention import doing, gone, words
from deploy.retention.horizons import Horizons
from spark_apps.contract import StreamPaths

log = logging.getLogger(__name__)

#: Airflow's variable by which the nightly run deletes, and nobody is asked: EXECUTE.
VARIABLE, EXECUTE = "hashtide_retention", "execute"


def lists(context: Any) -> list[dict[str, str]]:
    """Arguments of RetireOperator for each stream of which something is to go: the one asked for, else all."""
    made = tools.launcher(say=log.info)
    asked = (context["dag_run"].conf or {}).get("stream")
    horizons = horizons_of(context)
    try:
        found = [doing.listed(made, stream, horizons) for stream in ([asked] if asked else watchdog.streams(made))]
    except BadUse as error:
        raise AirflowFailException(str(error)) from None
    for one in found:
        log.info("%s", "\n".join(words.text(one)))
    context["ti"].xcom_push(key="lists", value={one.stream: f"{words.all_told(one)}, {one.checksum}" for one in found})
    if not executes(context):
        log.info("nothing is deleted: `execute` is off")
        return []
    return [{"stream": one.stream, "checksum": one.checksum} for one in found if one.found.items]


def executes(context: Any) -> bool:
    if context["params"]["execute"]:
        return True
    return not by_hand(context) and Variable.get(VARIABLE, default="") == EXECUTE


def by_hand(context: Any) -> bool:
    return str(getattr(context["dag_run"].run_type, "value", context["dag_run"].run_type)) != "scheduled"


def horizons_of(context: Any) -> Horizons:
    try:
        return Horizons.of(dict(context["params"]))
    except BadUse as error:
        raise AirflowFailException(str(error)) from None


class RetireOperator(Approval):
    """Deletes what the list with this checksum has; where a person started the run, after approval."""

    template_fields: Sequence[str] = ("stream", "checksum")
    ui_color = "#f5dcd7"

    def __init__(self, *, stream: str, checksum: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stream, self.checksum = stream, checksum

    def execute(self, context: Context) -> None:
        made = tools.launcher(say=self.log.info)
        # What was begun was approved, and goes on with a worker that was lost.
        if not by_hand(context) or gone.begun(made.hdfs, StreamPaths(self.stream, made.cluster.root), self.checksum):
            self.retire(context, "")
            return
        try:
            found = doing.again(made, self.stream, horizons_of(context), self.checksum)
        except (BadUse, Refused) as error:
            raise failed(error) from None
        self.ask(context, f"Stream {self.stream}: delete what is past its time", "\n".join(words.text(found)))

    def answered(self, context: Context, yes: bool, who: str) -> None:
        if yes:
            self.retire(context, who)
            return
        reason = f"rejected by {who}; nothing was deleted"
        outcome.tell(tools.launcher(say=self.log.info), context, "rejected", {"reason": reason})
        raise AirflowSkipException(reason)

    def retire(self, context: Context, who: str) -> None:
        made, by = tools.launcher(say=self.log.info), asker(context)
        try:
            done = doing.retire(made, self.stream, horizons_of(context), self.checksum,
                                f"{by}, approved by {who}" if who else by)
        except (BadUse, Refused) as error:
            raise failed(error) from None
        self.log.info("deleted: %s", words.all_told(done))


def failed(error: Exception) -> AirflowFailException:
    return AirflowFailException(f"{error}. Trigger hashtag_retention again: it lists anew")
