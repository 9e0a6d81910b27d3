"""Whether a checkpoint may go on with other code. Pure: two fingerprints go in.

Spark compares a restarted query with its checkpoint by the number of sources and the type and position of what it keeps
as state, and by nothing else; what it takes from the checkpoint instead of from the new settings it says nowhere.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

_SHOWN = 120
_UNRECORDED = "fingerprint"


class Verdict(IntEnum):
    """The worst of all differences counts. CANNOT_RUN: Spark or the table would end the driver with an error."""

    COMPATIBLE = 0
    RESULTS_CHANGE = 1
    NEW_GENERATION = 2
    CANNOT_RUN = 3

    @property
    def words(self) -> str:
        return ("compatible", "compatible, results change from here on", "needs a new generation",
                "cannot run")[self]


@dataclass(frozen=True)
class Difference:
    """`old`, `new`: None where there is none."""

    item: str
    old: str | None
    new: str | None
    verdict: Verdict
    meaning: str

    def text(self) -> str:
        return f"{self.item}: {_short(self.old)} -> {_short(self.new)}: {self.meaning}"

    def as_json(self) -> dict[str, object]:
        return {"item": self.item, "old": self.old, "new": self.new, "verdict": self.verdict.name.lower(),
                "meaning": self.meaning}


@dataclass(frozen=True)
class Judgement:
    """`differences`: the worst first."""

    verdict: Verdict
    differences: tuple[Difference, ...] = ()

    @property
    def goes_on(self) -> bool:
        return self.verdict <= Verdict.RESULTS_CHANGE

    def decisive(self) -> tuple[Difference, ...]:
        return tuple(one for one in self.differences if one.verdict == self.verdict)

    @property
    def needs_a_word(self) -> bool:
        """Whether it would go on, had anybody written down what the checkpoint was made with."""
        return any(one.item == _UNRECORDED for one in self.differences) and self.answered_for().goes_on

    def answered_for(self) -> Judgement:
        """The same where somebody takes that upon himself: what is left decides."""
        left = tuple(one for one in self.differences if one.item != _UNRECORDED)
        return Judgement(max((one.verdict for one in left), default=Verdict.COMPATIBLE), left)

    def line(self) -> str:
        """The items that decide, in one line."""
        names = [f"{one.item} ({_short(one.old, 40)} -> {_short(one.new, 40)})" for one in self.decisive()]
        more = f" and {len(names) - 4} more" if names[4:] else ""
        return f"{self.verdict.words}: {', '.join(names[:4])}{more}"

    def as_json(self) -> dict[str, object]:
        return {"verdict": self.verdict.words, "differences": [one.as_json() for one in self.differences]}


Found = tuple[Verdict, str]
Rule = Callable[[str | None, str | None], Found]


def judge(old: Mapping[str, str] | None, new: Mapping[str, str],
          known: Mapping[str, str] = MappingProxyType({})) -> Judgement:
    """`old`: what a checkpoint with batches in it was made with; None where nobody wrote it down. `known`: what is
    known of it all the same, and compared then."""
    if old:
        return _compared(old, new)
    both = known.keys() & new.keys()
    rest = _compared({name: known[name] for name in both}, {name: new[name] for name in both})
    nothing = Difference(_UNRECORDED, None, "", Verdict.NEW_GENERATION,
                         "nothing says what this checkpoint was made with, so nothing says that it may go on")
    return Judgement(max(rest.verdict, nothing.verdict),
                     tuple(sorted((nothing, *rest.differences), key=lambda one: -one.verdict)))


def _compared(old: Mapping[str, str], new: Mapping[str, str]) -> Judgement:
    found = [Difference(name, old.get(name), new.get(name), *_found(name, old.get(name), new.get(name)))
             for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    found.sort(key=lambda one: -one.verdict)
    return Judgement(max((one.verdict for one in found), default=Verdict.COMPATIBLE), tuple(found))


def _found(name: str, old: str | None, new: str | None) -> Found:
    return next(rule(old, new) for pattern, rule in _RULES if re.fullmatch(pattern, name))


def _always(verdict: Verdict, meaning: str) -> Rule:
    return lambda old, new: (verdict, meaning)


def _spark(old: str | None, new: str | None) -> Found:
    was, now = _version(old), _version(new)
    if now[:2] < was[:2]:
        return Verdict.CANNOT_RUN, "Spark promises nothing to an older version than the one that wrote the checkpoint"
    if now[:1] > was[:1]:
        return Verdict.NEW_GENERATION, "a new major version of Spark may keep and compute things otherwise"
    return Verdict.COMPATIBLE, "Spark reads the checkpoints of its earlier minor versions; there is no way back"


def _version(text: str | None) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text or "")[:3]))


def _schema(old: str | None, new: str | None) -> Found:
    was, now = (set((text or "").split(", ")) for text in (old, new))
    if was <= now:
        return Verdict.COMPATIBLE, "fields were added; what is made of them is compared by itself"
    return Verdict.RESULTS_CHANGE, "fields are gone or of another type: lines are read otherwise from here on"


def _output_mode(old: str | None, new: str | None) -> Found:
    if new == "complete":
        return Verdict.CANNOT_RUN, "Spark has no complete output without an aggregation that keeps everything"
    return Verdict.NEW_GENERATION, "rows that were given out in one mode would be given out again in the other"


def _step(old: str | None, new: str | None) -> Found:
    what = "is new" if old is None else "is gone" if new is None else "is made of other things"
    return Verdict.RESULTS_CHANGE, f"the step {what}: other tweets come through from here on"


def _watermark(old: str | None, new: str | None) -> Found:
    if old is None or new is None:
        return Verdict.NEW_GENERATION, "what is late, and when state may go, is not known for what is there"
    longer = int(old) < int(new)
    return Verdict.RESULTS_CHANGE, (
        "later tweets count from here on, and of what is there repetitions are known for the shorter time only"
        if longer else "tweets that would have counted are late from here on")


def _table(old: str | None, new: str | None) -> Found:
    was, now = (dict(field.split(" ", 1) for field in (text or "").split(", ") if field) for text in (old, new))
    if any(now.get(name, kind) != kind for name, kind in was.items()) or now.keys() - was.keys():
        return Verdict.CANNOT_RUN, "the table counts_live has other columns, and refuses these"
    return Verdict.RESULTS_CHANGE, "the table's column stays, and is empty from here on"


def _setting(old: str | None, new: str | None) -> Found:
    if old is None:
        return Verdict.COMPATIBLE, "it was not written down then"
    return Verdict.RESULTS_CHANGE, "Spark may compute something otherwise from here on"


_KEPT = _always(Verdict.COMPATIBLE, "the checkpoint keeps its own; the new one is for a new generation")
_HARMLESS = _always(Verdict.COMPATIBLE, "how much is done at once, and not what comes of it")
_CHANGE = _always(Verdict.RESULTS_CHANGE, "it is computed otherwise from here on")

#: By the name of an item, the first that matches. What nobody has thought of changes results.
_RULES: tuple[tuple[str, Rule], ...] = (
    (r"spark", _spark),
    (r"sources", _always(Verdict.CANNOT_RUN, "Spark refuses another number of sources")),
    (r"source \d+ format", _always(Verdict.NEW_GENERATION, "its log of what was taken is another source's")),
    (r"source \d+ path", _always(Verdict.NEW_GENERATION, "all that lies there would be taken, and what is still to "
                                 "come at the old path would not")),
    (r"source \d+ schema", _schema),
    (r"source \d+ option (maxFilesPerTrigger|maxBytesPerTrigger|maxCachedFiles|cleanSource|.*Threads?)", _HARMLESS),
    (r"source \d+ option .*", _always(Verdict.RESULTS_CHANGE, "other lines are read from here on")),
    (r"states", _always(Verdict.CANNOT_RUN, "Spark refuses other stateful operators than the checkpoint has")),
    (r"state \d+ (key|value) types", _always(Verdict.CANNOT_RUN, "Spark refuses state of another type")),
    (r"state \d+ keys", _always(Verdict.NEW_GENERATION, "what is kept there is found by other keys: repetitions would "
                                "be missed, or taken for ones")),
    (r"state \d+ values", _always(Verdict.NEW_GENERATION, "one value would hold both ways of reckoning")),
    (r"watermark \d+ delay_ms", _watermark),
    (r"watermark \d+ column", _always(Verdict.NEW_GENERATION, "the watermark so far is that of another time")),
    (r"(before|after) state: .*|batch: .*", _step),
    (r"output mode", _output_mode),
    (r"counts keys", _always(Verdict.NEW_GENERATION, "rows from here on do not add up with those that are there")),
    (r"table columns", _table),
    (r"function .*|unicode|column .*|counts .*", _CHANGE),
    (r"setting spark\.sql\.(shuffle\.partitions|streaming\.(multipleWatermarkPolicy|stateStore\.(providerClass|"
     r"compression\.codec|rocksdb\.formatVersion|rowChecksum\.enabled)))", _KEPT),
    (r"setting .*stateStore\.checkpointFormatVersion", _always(
        Verdict.CANNOT_RUN, "Spark looks for the state's files under other names, and does not find them")),
    (r"setting .*stateStore\.encodingFormat", _always(Verdict.CANNOT_RUN, "Spark cannot read the state's schema so")),
    (r"(setting|conf) .*(numRecentProgressUpdates|changelogCheckpointing.*|adaptive\..*|warehouse\.dir|\.ui\..*"
     r"|codegen\.cache\..*|debug\..*|artifact\..*)", _HARMLESS),
    (r"setting .*", _setting),
    (r"conf .*", _CHANGE),
    (r".*", _always(Verdict.RESULTS_CHANGE, "nothing is known of it")),
)


def _short(text: str | None, longest: int = _SHOWN) -> str:
    if text is None:
        return "none"
    return text if len(text) <= longest else f"{text[:longest]}..."
