"""When a stream's application ended although it should run: wait, submit again, or leave it to a person. Pure.

    running --died--> budget left? --yes--> submit at t (back-off) --> running
                          | no, or a fatal class
                          v
                        park (a person triggers the stream again)
    RM, NameNode or queue out of order --> wait, and nothing is spent
"""
from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

MINUTE_MS = 60_000


@dataclass(frozen=True)
class Policy:
    """The numbers: a broken node costs a restart or two in a row, a broken release all of them.

    10 s is less than YARN takes to start a driver; 5 min is how long a NameNode may take to leave safe mode. Four in
    ten minutes is a loop, and a fifth attempt would tell no more than the fourth.
    """

    first_delay_ms: int = 10_000
    longest_delay_ms: int = 5 * MINUTE_MS
    jitter: float = 0.2
    healthy_ms: int = 30 * MINUTE_MS         # after so long a run the next delay is the first one again
    budgets: tuple[tuple[int, int], ...] = ((4, 10 * MINUTE_MS), (5, 60 * MINUTE_MS))
    same_batch: int = 3                      # one batch failing so often with one error will fail for ever


#: Ends that another try cannot mend.
FATAL = ("bad_configuration", "missing_class", "damaged_checkpoint", "incompatible_checkpoint")
#: Ends that are not the driver's fault and cost nothing: an outage, what was asked for, what YARN lost: a
#: ResourceManager that came back without its memory, a spark-submit that ended with its machine.
FREE = ("outage", "superseded", "forgotten")

_CLASSES = (
    ("outage", r"safe ?mode|StandbyException|Connection refused|ConnectException|NoRouteToHost|UnknownHostException"
               r"|SocketTimeoutException|does not answer|no ResourceManager|could only be (written|replicated) to 0"
               r"|Application rejected by queue|maximum system capacity|already has \d+ applications"),
    ("missing_class", r"ClassNotFoundException|NoClassDefFoundError|ModuleNotFoundError|ImportError"
                      r"|No such file or directory.*python|File does not exist.*releases/"),
    ("damaged_checkpoint", r"CHECKPOINT_FILE_CHECKSUM|STREAMING_CHECKPOINT_MISSING|MALFORMED_LOG_FILE"
                           r"|CHECKPOINT_LOG\.\w+: (?!.*obtain block)"
                           r"|CANNOT_LOAD_STATE_STORE\.(AUTO_SNAPSHOT|CANNOT_FIND_BASE|CANNOT_READ|INVALID_C|UNEXPECTED_F)"
                           r"|CANNOT_LOAD_STATE_STORE.{0,400}(corrupt|decoding|does not exist|EOF|checksum)"
                           r"|Incomplete log file|batch \d+ doesn't exist|RocksDBException.{0,80}Corruption"
                           r"|checkpoint \w+ is damaged|^damaged_checkpoint"),
    ("incompatible_checkpoint", r"STATE_STORE_\w*(SCHEMA|VERSION|PROVIDER)\w*|Provided schema doesn't match"
                                r"|STREAMING_STATEFUL_OPERATOR_NOT_MATCH|different .{0,40}checkpoint"
                                r"|incompatible checkpoint|fingerprint"),
    ("bad_configuration", r"error: (argument|unrecognized|the following arguments)|exited with (status )?2\b"
                          r"|to unknown queue|non-leaf queue"
                          r"|InvalidResourceRequestException|Required (executor|AM) memory|AccessControlException"
                          r"|Permission denied|AccessDeniedException|NoAuthWithAWSException|UnknownStoreException"),
)


def classify(evidence: str, otherwise: str = "error") -> str:
    """The class of an end by its text: the root of an outage often hides behind another exception, so it is first."""
    return next((name for name, pattern in _CLASSES if re.search(pattern, evidence, re.IGNORECASE)), otherwise)


@dataclass(frozen=True)
class Restart:
    """One end of an application: control/restarts/<epoch>.json."""

    epoch: int
    time_ms: int
    kind: str
    evidence: str = ""
    application: str = ""
    batch_id: int | None = None          # last good batch
    healthy_ms: int = 0                  # from the start of the application to its last commit
    down_since_ms: int = 0               # last commit; the next epoch's first ends the downtime
    tries: int = 0                       # attempts that failed so on this batch; 0 where the driver left no word

    def as_json(self) -> dict[str, Any]:
        raw = asdict(self)
        raw["class"] = raw.pop("kind")
        return raw

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Restart:
        known = {name: raw[name] for name in cls.__dataclass_fields__ if raw.get(name) is not None}
        return cls(**{"epoch": 0, "time_ms": 0, **known, "kind": str(raw.get("class") or "error")})

    @property
    def signature(self) -> tuple[int | None, str]:
        """Batch and error without what changes from try to try: numbers, ids, addresses."""
        return self.batch_id, re.sub(r"[0-9a-f]{8,}|\d+", "#", self.evidence.lower())[:160]


@dataclass(frozen=True)
class Event:
    """What was seen: `running`, `outage`, `stopped` or `died`; with died, how."""

    what: str
    detail: str = ""
    restart: Restart | None = None


@dataclass(frozen=True)
class Wait:
    reason: str = ""


@dataclass(frozen=True)
class Submit:
    at_ms: int
    reason: str = ""


@dataclass(frozen=True)
class Park:
    reason: str


@dataclass(frozen=True)
class Done:
    reason: str = ""


Decision = Wait | Submit | Park | Done


def decide(history: Sequence[Restart], event: Event, now_ms: int, policy: Policy | None = None,
           since_ms: int = 0) -> Decision:
    """What to do about the event.

    `history` holds every end so far, the event's own among them or not; those before `since_ms`, when a person last
    asked for the stream, count no more. The same history gives the same delay: whoever decides again, decides alike.
    """
    policy = policy or Policy()
    if event.what == "running":
        return Wait(event.detail)
    if event.what == "outage":
        return Wait(event.detail)
    if event.what == "stopped":
        return Done(event.detail)
    last = event.restart or Restart(0, now_ms, "error", event.detail)
    if last.time_ms < since_ms:
        return Submit(since_ms, "asked for since it ended")
    known = {r.epoch: r for r in history if r.time_ms >= since_ms}
    ends = sorted({**known, last.epoch: last}.values(), key=lambda r: r.epoch)
    spent = [r for r in ends if r.kind not in FREE]
    if reason := _hopeless(spent, last, policy) or _over_budget(spent, last, policy):
        return Park(reason)
    return Submit(last.time_ms + _delay_ms(ends, last, policy), f"{last.kind}: {last.evidence}"[:300])


def is_hopeless(kind: str, tries: int, policy: Policy | None = None) -> bool:
    """Whether what failed so often on one batch with one error of this class will fail for ever."""
    return kind in FATAL or kind == "error" and tries >= (policy or Policy()).same_batch


def _hopeless(spent: Sequence[Restart], last: Restart, policy: Policy) -> str:
    if last.kind == "damaged_checkpoint":
        return f"{last.kind}: {last.evidence}"[:330] + "; `deploy/hashtide checkpoint doctor` shows the ways out"
    if last.kind in FATAL:
        return f"{last.kind}: {last.evidence}"[:400]
    tries = 0
    for end in reversed(spent):
        if end.signature != last.signature or end.batch_id is None and not end.tries:
            break
        tries += max(1, end.tries)
    if is_hopeless(last.kind, tries, policy):
        which = "first batch" if last.batch_id is None else f"batch after {last.batch_id}"
        return f"the {which} failed {tries} times with the same error: {last.evidence}"[:400]
    return ""


def _over_budget(spent: Sequence[Restart], last: Restart, policy: Policy) -> str:
    if last.kind in FREE:
        return ""
    for allowed, span in policy.budgets:
        recent = [r for r in spent if last.time_ms - r.time_ms < span]
        if len(recent) > allowed:
            return (f"{len(recent)} ends within {span // MINUTE_MS} min, {allowed} restarts are allowed; "
                    f"the last: {last.kind}: {last.evidence}")[:400]
    return ""


def _delay_ms(ends: Sequence[Restart], last: Restart, policy: Policy) -> int:
    """Doubles with each end since the last healthy run; jitter keeps many streams from coming back at once."""
    doublings = 0
    for earlier in reversed(ends[:-1]):
        if last.healthy_ms >= policy.healthy_ms:
            break
        doublings += 1
        if earlier.healthy_ms >= policy.healthy_ms:
            break
    delay = min(policy.longest_delay_ms, policy.first_delay_ms * 2 ** min(doublings, 16))
    return int(delay * (1 + random.Random(f"{last.epoch}-{last.time_ms}").uniform(-policy.jitter, policy.jitter)))
