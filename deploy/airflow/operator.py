"""The task that holds a stream: preflight, submission, then deferred until there is something to do.

The restart loop goes execute -> trigger -> resume -> trigger within one try; deploy.holding has its states.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from deploy import holding
from deploy.airflow import links, notifier, tools
from deploy.airflow.trigger import StreamTrigger
from deploy.errors import BadUse, HashtideError, Refused, Unreachable
from deploy.launch import Launcher
from deploy.spec import RANGES, Request, StreamSpec

_FIRST_RETRY_MS, _LONGEST_RETRY_MS = 10_000, 300_000


class HashtagStreamOperator(BaseOperator):
    """Keeps one driver of the stream running until somebody asks for its end.

    Parameters are deploy.launch.StreamSpec's; the DAG's form fills them.
    """

    template_fields: Sequence[str] = ("stream", "trigger_seconds", "max_files", "watermark_minutes", "release",
                                      "yarn_queue", "executors", "executor_memory", "mode", "savepoint", "reason")
    operator_extra_links = (links.YarnLink(), links.SparkLink())
    ui_color = "#d7ecff"

    def __init__(self, *, stream: str, trigger_seconds: int | str = 10, max_files: int | str = 60,
                 watermark_minutes: int | str = 10, release: str = "", yarn_queue: str = "",
                 executors: int | str = 0, executor_memory: str = "", mode: str = "", savepoint: str = "",
                 reason: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stream, self.release, self.reason = stream, release, reason
        self.yarn_queue = yarn_queue   # `queue` is Airflow's own, of its executor
        self.executors, self.executor_memory = executors, executor_memory
        self.mode, self.savepoint = mode, savepoint
        self.trigger_seconds, self.max_files, self.watermark_minutes = trigger_seconds, max_files, watermark_minutes

    def execute(self, context: Context) -> None:
        self.begin(context, 0)

    def begin_again(self, context: Context, event: dict[str, Any]) -> None:
        self.begin(context, int(event.get("put_off") or 0))

    def begin(self, context: Context, put_off: int) -> None:
        holder = holder_of(context)
        try:
            wish, made = self.wish(), tools.launcher(say=self.log.info)
            spec = wish.spec.within(made.cluster)
            if wish.destructive:
                raise BadUse(f"mode {wish.mode} is not offered here yet; nothing was changed")
            holding.preflight(made, spec)
            event = holding.begin(made, spec, holder, why=wish.reason or "hashtag_stream")
        except (BadUse, Refused) as error:
            fail(error)
        except Unreachable as error:
            delay_ms = self.delay_ms(put_off, error)
            self.wait(StreamTrigger(self.stream, holder, 0, made.now_ms() + delay_ms, put_off + 1, begun=False),
                      "begin_again")
        if event:
            raise AirflowSkipException(event.reason)
        self.submit(made, spec, holder, context, 0, wish.reason)

    def resume(self, context: Context, event: dict[str, Any]) -> None:
        """After an event of the trigger."""
        holder, made = holder_of(context), tools.launcher(say=self.log.info)
        what, reason = str(event["what"]), str(event.get("reason") or "")
        if what == "submit":
            self.restart(made, holder, reason, context, int(event.get("put_off") or 0))
        if what == "superseded":
            raise AirflowSkipException(reason)
        self.let_go(made, holder)
        if what == "done":
            self.log.info("stream %s ended: %s", self.stream, reason)
            return
        if what == "park":
            self.say(made, "park", reason, PARKED.format(stream=self.stream))
        raise AirflowFailException(f"stream {self.stream}: {reason}. {PARKED.format(stream=self.stream)}")

    def restart(self, made: Launcher, holder: str, reason: str, context: Context, put_off: int) -> NoReturn:
        try:
            spec = holding.wanted_spec(made, self.stream)
        except Unreachable as error:
            self.put_off(made, holder, 0, str(error), put_off)
        except BadUse as error:
            self.let_go(made, holder)
            raise AirflowFailException(f"stream {self.stream}: desired.json: {error}") from None
        self.say(made, "restart", reason, "Nothing to do: it is submitted again")
        self.submit(made, spec, holder, context, put_off, reason)

    def submit(self, made: Launcher, spec: StreamSpec, holder: str, context: Context, put_off: int,
               why: str) -> NoReturn:
        """Launches, then defers; an outage puts the launch off and spends nothing."""
        try:
            launched = holding.launch(made, spec, holder, why=why or "hashtag_stream")
        except (BadUse, Refused) as error:
            self.let_go(made, holder)
            fail(error)
        if launched.app is None:
            self.put_off(made, holder, launched.epoch, launched.put_off, put_off)
        context["ti"].xcom_push(key=links.KEY, value=holding.describe(launched, made))
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

    def say(self, made: Launcher, kind: str, reason: str, next_step: str) -> None:
        try:
            epoch = holding.newest(made, self.stream)
            notifier.notify(made, notifier.Note(self.stream, epoch, kind, reason, next_step))
        except HashtideError as error:
            self.log.warning("nobody was notified of the %s: %s", kind, error)

    def let_go(self, made: Launcher, holder: str) -> None:
        try:
            holding.finish(made, self.stream, holder)
        except HashtideError as error:
            self.log.warning("the lease ends by itself: %s", error)

    def on_kill(self) -> None:
        # Airflow's own roll-out ends a worker the same way. A launch that was cut off is adopted by the next.
        self.log.warning("cut off while it submitted; the application, if there is one, goes on")


PARKED = ("See the application's log, mend it, then trigger hashtag_stream again; "
          "`deploy/hashtide stream status --stream {stream}` shows the last error")


def holder_of(context: Context) -> str:
    ti = context["ti"]
    return holding.holder_name(f"{ti.dag_id}/{ti.run_id}", ti.try_number)


def fail(error: HashtideError) -> NoReturn:
    """One line, and no retry: the same input fails the same way."""
    raise AirflowFailException(str(error)) from None


def _number(value: int | str) -> int | str:
    return int(value) if isinstance(value, str) and value.strip().isdigit() else value
