"""The task that holds a stream: preflight, submission, then deferred until there is something to do.

The restart loop goes execute -> trigger -> resume -> trigger within one try; deploy.holding has its states. Before it,
where a savepoint or a fresh start is asked for: execute -> awaiting input -> answered -> trigger -> open, as
deploy.reopening has it.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NoReturn

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from deploy import health, holding, reopening
from deploy.airflow import links, outcome, tools
from deploy.airflow.approval import Approval
from deploy.airflow.trigger import StreamTrigger
from deploy.errors import BadUse, Damaged, HashtideError, Refused, Unreachable
from deploy.launch import Launcher
from deploy.spec import MODES, RANGES, Request, StreamSpec

_FIRST_RETRY_MS, _LONGEST_RETRY_MS = 10_000, 300_000


class HashtagStreamOperator(Approval):
    """Keeps one driver of the stream running until somebody asks for its end.

    Parameters are deploy.spec.Request's; the DAG's form fills them.
    """

    template_fields: Sequence[str] = ("stream", "trigger_seconds", "max_files", "watermark_minutes", "release",
                                      "yarn_queue", "executors", "executor_memory", "engine", "window_seconds",
                                      "slide_seconds", "landing", "mode", "savepoint", "reason")
    operator_extra_links = (links.YarnLink(), links.SparkLink(), links.LogsLink(), links.CheckpointLink())
    ui_color = "#d7ecff"

    def __init__(self, *, stream: str, trigger_seconds: int | str = 10, max_files: int | str = 60,
                 watermark_minutes: int | str = 10, release: str = "", yarn_queue: str = "",
                 executors: int | str = 0, executor_memory: str = "", engine: str = "structured",
                 window_seconds: int | str = 300, slide_seconds: int | str = 60, landing: str = "", mode: str = "",
                 savepoint: str = "", reason: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stream, self.release, self.reason = stream, release, reason
        self.yarn_queue = yarn_queue   # `queue` is Airflow's own, of its executor
        self.executors, self.executor_memory = executors, executor_memory
        self.engine, self.window_seconds, self.slide_seconds = engine, window_seconds, slide_seconds
        self.landing = landing
        self.mode, self.savepoint = mode, savepoint
        self.trigger_seconds, self.max_files, self.watermark_minutes = trigger_seconds, max_files, watermark_minutes

    def execute(self, context: Context) -> None:
        # Airflow asks for the links whenever a step ends, and logs an error for each that it does not find.
        context["ti"].xcom_push(key=links.KEY, value={})
        self.begin(context, 0)

    def begin_again(self, context: Context, event: dict[str, Any]) -> None:
        self.begin(context, int(event.get("put_off") or 0), str(event.get("approved_by") or ""))

    def begin(self, context: Context, put_off: int, approved_by: str = "") -> NoReturn:
        holder, wish, made = self.set_out(context)
        try:
            holding.preflight(made, replace(wish.spec, release="") if wish.destructive else wish.spec)
            if wish.destructive and not reopening.opened(made, self.stream, holder):
                self.reopen(made, wish, holder, context, approved_by)
            self.take(made, wish, holder, context)
        except Unreachable as error:
            delay_ms = self.delay_ms(put_off, error)
            self.wait(StreamTrigger(self.stream, holder, 0, made.now_ms() + delay_ms, put_off + 1, begun=False,
                                    approved_by=approved_by), "begin_again")
        except (BadUse, Refused) as error:
            fail(error)

    def set_out(self, context: Context) -> tuple[str, Request, Launcher]:
        """(holder, what is asked for, tools); a wrong parameter fails here, before anything is asked of the cluster."""
        try:
            wish, made = self.wish(), tools.launcher(say=self.log.info)
            wish.spec.within(made.cluster)
        except BadUse as error:
            fail(error)
        return holder_of(context), wish, made

    def take(self, made: Launcher, wish: Request, holder: str, context: Context) -> NoReturn:
        """The stream becomes this run's, and is launched; where another run has it, this one ends."""
        if event := holding.begin(made, wish.spec, holder, why=reopening.why(wish) if wish.destructive else
                                  wish.reason or "hashtag_stream"):
            outcome.tell(made, context, event.what, {"reason": event.reason})
            raise AirflowSkipException(event.reason)
        self.submit(made, wish.spec, holder, context, 0, wish.reason)

    # a savepoint, a fresh start

    def reopen(self, made: Launcher, wish: Request, holder: str, context: Context, approved_by: str) -> NoReturn:
        """Waits for approval, unless it has it; with it for the end of whatever of the stream runs."""
        text = reopening.plan(made, wish)   # also with approval: what was planned may not be there any more
        if approved_by:
            reopening.approve(made, self.stream, holder, approved_by)
        if not reopening.approved(made, self.stream, holder):
            self.ask(context, f"Stream {self.stream}: {MODES[wish.mode]}", text)
        epoch = reopening.stop(made, wish, holder)
        self.log.info("stream %s: approved; its driver ends after its batch", self.stream)
        self.wait(StreamTrigger(self.stream, holder, epoch, opening=True))

    def answered(self, context: Context, yes: bool, who: str) -> None:
        if yes:
            self.begin(context, 0, who)
        reason = f"mode {self.mode}: rejected by {who}; nothing was changed"
        outcome.tell(tools.launcher(say=self.log.info), context, "rejected", {"reason": reason})
        raise AirflowSkipException(reason)

    def open(self, made: Launcher, holder: str, context: Context, put_off: int) -> NoReturn:
        """Nothing of the stream runs any more."""
        try:
            reopening.open_next(made, self.wish(), holder)
        except Unreachable as error:
            delay_ms = self.delay_ms(put_off, error)
            self.wait(StreamTrigger(self.stream, holder, 0, made.now_ms() + delay_ms, put_off + 1, opening=True))
        except HashtideError as error:
            self.let_go(made, holder)
            raise AirflowFailException(f"{error}. Stream {self.stream} is stopped: trigger it with mode resume, and it "
                                       "goes on from where it was") from None
        self.begin(context, 0)

    # held

    def resume(self, context: Context, event: dict[str, Any]) -> None:
        """After an event of the trigger."""
        holder, made = holder_of(context), tools.launcher(say=self.log.info)
        what, reason, put_off = str(event["what"]), str(event.get("reason") or ""), int(event.get("put_off") or 0)
        if what == "submit":
            self.restart(made, holder, reason, context, put_off)
        if what == "open":
            self.open(made, holder, context, put_off)
        if what == "superseded":
            outcome.tell(made, context, what, {"reason": reason})
            raise AirflowSkipException(reason)
        self.let_go(made, holder)
        if what == "done":
            self.log.info("stream %s ended: %s", self.stream, reason)
            return
        self.parked(made, context, what, reason)

    def parked(self, made: Launcher, context: Context, what: str, reason: str) -> NoReturn:
        """A person has to look: the reason, the driver's last error, and the three ways on."""
        reason = health.one_line(reason)
        try:
            told = health.health(made, self.stream).parked or health.parked(self.stream, reason)
        except HashtideError:
            told = health.parked(self.stream, reason)
        told |= {"reason": reason, "next_steps": outcome.ways_on(self.stream)}
        outcome.tell(made, context, "parked" if what == "park" else what, told)
        lines = [f"last error: {told['error']}", *(f"{name}: {text}" for name, text in told["next_steps"].items())]
        self.log.error("stream %s: %s\n%s", self.stream, reason, "\n".join(lines))
        raise AirflowFailException(f"stream {self.stream}: {reason}. To resume {told['next_steps']['resume']}; to roll "
                                   "back or stop see above")

    def restart(self, made: Launcher, holder: str, reason: str, context: Context, put_off: int) -> NoReturn:
        try:
            spec = holding.wanted_spec(made, self.stream)
        except Unreachable as error:
            self.put_off(made, holder, 0, str(error), put_off)
        except BadUse as error:
            self.let_go(made, holder)
            raise AirflowFailException(f"stream {self.stream}: desired state: {error}") from None
        self.log.warning("stream %s: submitted again, since its application ended: %s", self.stream, reason)
        self.submit(made, spec, holder, context, put_off, reason)

    def submit(self, made: Launcher, spec: StreamSpec, holder: str, context: Context, put_off: int,
               why: str) -> NoReturn:
        """Launches, then defers; an outage puts the launch off and spends nothing."""
        try:
            launched = holding.launch(made, spec, holder, why=why or "hashtag_stream")
        except Damaged as error:
            self.let_go(made, holder)
            self.parked(made, context, "park", str(error))
        except (BadUse, Refused) as error:
            self.let_go(made, holder)
            fail(error)
        if launched.app is None:
            self.put_off(made, holder, launched.epoch, launched.put_off, put_off)
        context["ti"].xcom_push(key=links.KEY, value=holding.describe(launched, made, self.stream))
        self.wait(StreamTrigger(spec.stream, holder, launched.epoch))

    def put_off(self, made: Launcher, holder: str, epoch: int, why: str, before: int) -> NoReturn:
        delay_ms = self.delay_ms(before, why)
        self.wait(StreamTrigger(self.stream, holder, epoch, made.now_ms() + delay_ms, before + 1))

    def delay_ms(self, before: int, why: object) -> int:
        delay_ms: int = min(_LONGEST_RETRY_MS, _FIRST_RETRY_MS << min(before, 10))
        self.log.warning("stream %s: not submitted, again in %d s: %s", self.stream, delay_ms // 1000, why)
        return delay_ms

    def wait(self, trigger: StreamTrigger, method: str = "resume") -> NoReturn:
        self.defer(trigger=trigger, method_name=method)
        raise AssertionError("defer raises")

    def wish(self) -> Request:
        """The rendered fields, whole numbers as such."""
        raw = {name: getattr(self, name) for name in self.template_fields}
        return Request.of({**raw, "queue": self.yarn_queue, **{name: _number(raw[name]) for name in RANGES}})

    def let_go(self, made: Launcher, holder: str) -> None:
        try:
            holding.finish(made, self.stream, holder)
        except HashtideError as error:
            self.log.warning("the lease ends by itself: %s", error)

    def on_kill(self) -> None:
        # Airflow's own roll-out ends a worker the same way. A launch that was cut off is adopted by the next.
        self.log.warning("cut off while it submitted; the application, if there is one, goes on")


def holder_of(context: Context) -> str:
    ti = context["ti"]
    return holding.holder_name(f"{ti.dag_id}/{ti.run_id}", ti.try_number)


def fail(error: HashtideError) -> NoReturn:
    """One line, and no retry: the same input fails the same way."""
    raise AirflowFailException(str(error)) from None


def _number(value: int | str) -> int | str:
    return int(value) if isinstance(value, str) and value.strip().isdigit() else value
