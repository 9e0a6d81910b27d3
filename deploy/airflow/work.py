"""What the DAGs' plain tasks do: one call each."""
from __future__ import annotations

import logging
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from deploy import analysis, landed, provision, watchdog
from deploy.airflow import tools
from deploy.alerts import conf, notifiers
from deploy.alerts.doing import Watch
from deploy.errors import BadUse, HashtideError
from deploy.spec import StreamSpec
from spark_apps.contract import HOUR_MS, StreamPaths, hour_name

log = logging.getLogger(__name__)

#: The XCom of hashtag_watchdog's `watch`: {stream: why}.
UNDECIDED = "undecided"


def provision_stream(stream: str) -> list[str]:
    """What was changed in HDFS, a line each."""
    made = tools.launcher(say=log.info)
    try:
        StreamSpec(stream)
        changed = provision.provision(made.hdfs, made.cluster, stream)  # type: ignore[arg-type]
    except BadUse as error:
        raise AirflowFailException(str(error)) from None
    log.info("%s", "\n".join(changed) or "nothing to change")
    return changed


def watch(context: Any) -> list[dict[str, Any]]:
    """Looks after every stream; parameters of hashtag_stream for each that needs somebody to hold it.

    With the parameter dry_run only the log says what would be done. Streams about which nothing could be concluded go
    to `decided` by the XCom of that name, since the others must find their holders all the same.
    """
    dry_run = bool(context["params"]["dry_run"])
    made = tools.launcher(say=log.info)
    try:
        marked = watchdog.marks(made.cluster)
        plans = [watchdog.watch(made, stream, dry_run, marked) for stream in watchdog.streams(made)]
    except HashtideError as error:
        raise AirflowFailException(f"nothing concluded: {error}") from None
    for plan in plans:
        log.log(logging.ERROR if plan.undecided else logging.INFO, "stream %s: %s", plan.stream, plan.says(dry_run))
    context["ti"].xcom_push(key=UNDECIDED, value={plan.stream: plan.undecided for plan in plans if plan.undecided})
    return [] if dry_run else [plan.conf for plan in plans if plan.conf]


def decided(context: Any) -> None:
    """Fails where `watch` could not conclude anything about a stream."""
    undecided = context["ti"].xcom_pull(task_ids="watch", key=UNDECIDED) or {}
    if undecided:
        said = "; ".join(f"stream {stream}: {why}" for stream, why in undecided.items())
        raise AirflowFailException(f"{said}. The next run looks again")


def alert(context: Any) -> None:
    """Tells whoever is to be told of what fires and what is over; fails where a notifier took nothing, or a part could
    not be looked at, once all others were told."""
    made = tools.launcher(say=log.info)
    try:
        config = conf.load(conf.find(made.cluster))
    except BadUse as error:
        raise AirflowFailException(str(error)) from None
    dry_run = bool(context["params"]["dry_run"])
    report = Watch(made, config, notifiers.made(config, connection_password), not dry_run, log.info).run()
    for row in report.rows:
        told = ", ".join(f"{name}: {how}" for name, how in row.told.items()) or "nobody is to be told"
        log.info("%s: %s: %s. %s", row.stream or "cluster", row.state, row.title, told)
    if bad := [*report.faults, *(f"{name}: {why}" for name, why in report.untold.items())]:
        raise AirflowFailException(f"{'; '.join(bad)}. The next run tries again")


def connection_password(connection: str) -> str:
    """As Airflow has it: from its database, its environment or a secrets backend."""
    from airflow.sdk import BaseHook

    try:
        found = BaseHook.get_connection(connection).password
    except Exception as error:   # the backends raise what they like, and some with what they were asked
        raise BadUse(f"connection {connection} of Airflow cannot be read ({type(error).__name__})") from None
    if not found:
        raise BadUse(f"connection {connection} of Airflow has no password")
    return str(found)


def hourly(context: Any) -> list[dict[str, Any]]:
    """Arguments of SealOperator for each stream to seal: the one asked for, else all that have anything in the hour."""
    made, hour = tools.launcher(), hour_of(context)
    first = hour_name(hour)
    asked = (context["dag_run"].conf or {}).get("stream")
    found = [asked] if asked else sealable(made, hour)
    log.info("hour %s: %s", first, ", ".join(found) or "nothing to seal")
    return [{"stream": stream, "first": first, "last": first} for stream in found]


def hour_of(context: Any) -> int:
    """The hour of the data interval; run by hand without one, the last hour that is over."""
    start = context.get("data_interval_start")
    if start is None:
        start_ms = int(context["dag_run"].run_after.timestamp() * 1000) - HOUR_MS
    else:
        start_ms = int(start.timestamp() * 1000)
    return start_ms - start_ms % HOUR_MS


def sealable(made: Any, hour_ms: int) -> list[str]:
    return [stream for stream in watchdog.streams(made)
            if landed.has_landing(made.hdfs, StreamPaths(stream, made.cluster.root), hour_ms)]


def again(context: Any) -> list[dict[str, Any]]:
    """Arguments of SealOperator: the range asked for, else what later lines have touched, of every live stream."""
    params, made = context["params"], tools.launcher()
    if params.get("from"):
        return [{"stream": params["stream"], "first": params["from"], "last": params.get("to") or params["from"],
                 "late_within_hours": 0}]
    asked = (context["dag_run"].conf or {}).get("stream")
    last = made.now_ms() - HOUR_MS
    found = [asked] if asked else sealable(made, last - last % HOUR_MS)
    log.info("late lines: %s", ", ".join(found) or "no stream is in service")
    late = landed.HORIZON_MS // HOUR_MS
    return [{"stream": stream, "first": "", "last": "", "late_within_hours": late} for stream in found]


def related(context: Any) -> list[dict[str, Any]]:
    """Arguments of AnalysisOperator for the stream asked for, else for every one in service."""
    options = {name: context["params"][name] for name in ("from", "to", "newest", "min_tweets")}
    return [{"stream": stream, "options": options} for stream in _analysed(context, tools.launcher())]


def graph(context: Any) -> list[dict[str, Any]]:
    """The same, each with its own newest day where none is asked for; who has nothing sealed yet is left out."""
    params, made, found = context["params"], tools.launcher(), list[dict[str, Any]]()
    options = {name: params[name] for name in ("min_tweets", "min_lift")}
    for stream in _analysed(context, made):
        try:
            day = params.get("day") or analysis.newest_day(made.hdfs, StreamPaths(stream, made.cluster.root))
        except BadUse as error:
            log.info("%s", error)
            continue
        found.append({"stream": stream, "options": {"day": day, **options}})
    return found


def _analysed(context: Any, made: Any) -> list[str]:
    asked = (context["dag_run"].conf or {}).get("stream")
    last = made.now_ms() - HOUR_MS
    found = [asked] if asked else sealable(made, last - last % HOUR_MS)
    log.info("%s", ", ".join(found) or "no stream is in service")
    return found
