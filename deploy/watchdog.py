"""What the watchdog does for each stream: reap what should not run, find who needs somebody to hold it.

    observe -> plan (pure) --dry run--> said, and nothing else
                 | otherwise
                 v
                act: kills, asks to end;  whoever called sees to the holder
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from deploy import handover, holding, lease, supervisor
from deploy.airflow_api import AirflowApi
from deploy.config import Cluster
from deploy.errors import BadUse, HashtideError, Unreachable
from deploy.launch import Launcher
from deploy.observation import Observation, observe, overdue_stop
from deploy.spec import StreamSpec, again
from deploy.yarn import Application
from spark_apps.contract import STREAM_NAME, StreamPaths


@dataclass(frozen=True)
class Plan:
    """What is to be done about one stream. `undecided`: why nothing can be concluded, or what could not be done.

    `conf`: the parameters of hashtag_stream where somebody must be found to hold the stream, else None.
    """

    stream: str
    text: str = ""
    undecided: str = ""
    unreachable: bool = False                         # it is undecided because something does not answer
    kill: tuple[tuple[Application, str], ...] = ()    # and why
    ask_to_end: int = 0                               # the epoch whose driver is asked, 0 for none
    conf: dict[str, Any] | None = None
    ended: str = ""                                   # the holder whose task a person ended unheard: the stream stops

    @property
    def idle(self) -> bool:
        return not (self.undecided or self.kill or self.ask_to_end or self.conf or self.ended)

    def says(self, dry_run: bool = False, held: str = "to be held by a run of hashtag_stream") -> str:
        """One line; `dry_run`: what would be done; `held`: what becomes of a stream that nobody holds."""
        if self.undecided:
            return self.undecided
        kills, asks, hands, stops = (
            ("would kill", "would ask", "would hand it to a run of hashtag_stream", "would be stopped") if dry_run else
            ("killed", "asked", held, "stopped"))
        return "; ".join([self.text, *(f"{kills} {app.id}: {why}" for app, why in self.kill),
                          *([f"{asks} the driver of epoch {self.ask_to_end} to end"] if self.ask_to_end else []),
                          *([hands] if self.conf else []), *([stops] if self.ended else [])])

    def as_json(self) -> dict[str, Any]:
        return {"stream": self.stream, "text": self.text, "undecided": self.undecided,
                "kill": [{"application": app.id, "epoch": app.epoch(self.stream), "why": why}
                         for app, why in self.kill],
                "ask_to_end": self.ask_to_end or None, "hold": self.conf, "ended": self.ended or None}


#: Who ended a holder's task by marking it; empty where nobody did.
Marked = Callable[[str], str]


def watch(tools: Launcher, stream: str, dry_run: bool = False, marked: Marked = lambda holder: "") -> Plan:
    """Looks, and unless it is a dry run acts; raises nothing: one stream must not hide the others."""
    try:
        made = look(tools, stream, marked)
    except HashtideError as error:
        return _undecided(Plan(stream), "nothing concluded", [error])
    except Exception as error:
        # What somebody has put into HDFS by hand.
        return Plan(stream, undecided=f"nothing concluded: {type(error).__name__}: {error}")
    faults = [] if dry_run else act(tools, made)
    return _undecided(made, "not all was done", faults) if faults else made


def marks(cluster: Cluster) -> Marked:
    """As Airflow's audit log has it. A mark is heard by the trigger that holds the stream, if one lives just then."""
    if not cluster.airflow.url:
        return lambda holder: ""
    api = AirflowApi(cluster.airflow)

    def marked(holder: str) -> str:
        dag_id, run_id = holding.run_of(holder)
        return api.marked_by(dag_id, run_id, "hold") if dag_id == "hashtag_stream" else ""
    return marked


def look(tools: Launcher, stream: str, marked: Marked = lambda holder: "") -> Plan:
    """Writes nothing."""
    seen = observe(tools, stream)
    made = plan(seen, "" if seen.unknown else lease.held_by(tools, stream))
    last = lease.newest(tools, stream).holder if seen.wanted and not seen.unknown else ""
    if last and (who := marked(last)):
        return replace(made, conf=None, ended=last, text=f"{who} marked the task of {last} in Airflow")
    try:
        StreamSpec.of(made.conf or {"stream": stream}).within(tools.cluster)
    except BadUse as error:
        return replace(made, conf=None, undecided=_not_allowed(stream, error))
    return made


def plan(seen: Observation, holder: str) -> Plan:
    """Exactly one live application for a stream that should run, none for one that should not. Pure.

    `holder`: who holds a fresh lease of the stream; empty where nobody does.
    """
    if seen.unknown:
        return Plan(seen.stream, undecided=f"nothing concluded: {seen.unknown}", unreachable=True)
    doomed = [(app, f"superseded by epoch {seen.epoch}") for app in seen.others]
    ask = 0
    if seen.kill and seen.app and seen.app.live:
        doomed.append((seen.app, str(seen.kill["why"])))   # whoever left word may have been cut off before the kill
    elif seen.app and overdue_stop(seen):
        doomed.append((seen.app, "its stop took too long"))
    elif seen.unwanted:
        ask = seen.epoch
    if not seen.wanted:
        text = f"desired state is {seen.desired.get('state', 'not set')}"
        return Plan(seen.stream, text, kill=tuple(doomed), ask_to_end=ask)
    if holder:
        return Plan(seen.stream, f"held by {holder}", kill=tuple(doomed))
    try:
        conf = again(seen.stream, seen.desired).conf()
    except BadUse as error:
        return Plan(seen.stream, undecided=_not_allowed(seen.stream, error), kill=tuple(doomed))
    return Plan(seen.stream, "nobody holds it", kill=tuple(doomed), conf=conf)


def _not_allowed(stream: str, error: BadUse) -> str:
    return (f"nobody holds it, and its desired state: {error}; "
            f"`deploy/hashtide stream submit --stream {stream}` mends it")


def act(tools: Launcher, made: Plan) -> list[HashtideError]:
    """Does all that it can; what went wrong."""
    paths = StreamPaths(made.stream, tools.cluster.root)
    todo: list[Callable[[], None]] = [
        lambda app=app, why=why: supervisor.kill(tools, paths, app, why, "superseded")  # type: ignore[misc]
        for app, why in made.kill]
    if made.ask_to_end:
        todo.append(lambda: supervisor.ask_to_end(tools, paths, made.ask_to_end, "watchdog",
                                                  "the stream should not run"))
    if made.ended:
        todo.append(lambda: tools.say(handover.abandon(tools, made.stream, made.ended, 0, made.text)))
    faults = []
    for do in todo:
        try:
            do()
        except HashtideError as error:
            faults.append(error)
    return faults


def _undecided(made: Plan, what: str, faults: list[HashtideError]) -> Plan:
    return replace(made, undecided=f"{what}: {'; '.join(map(str, faults))}",
                   unreachable=any(isinstance(error, Unreachable) for error in faults))


def streams(tools: Launcher) -> list[str]:
    """Every stream that was provisioned; a directory of another name is not ours."""
    return [name for name in tools.hdfs.list(f"{tools.cluster.root}/streams") if STREAM_NAME.fullmatch(name)]
