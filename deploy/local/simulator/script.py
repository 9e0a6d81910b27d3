"""A script of faults: a JSON file that says what goes wrong when. The same seed replays the same.

    {"seed": 7, "shares": {"duplicate": 0.2}, "faults": [
        {"fault": "silence", "at_s": 30, "duration_s": 25},
        {"fault": "reset", "at_record": 500},
        {"random": ["close", {"fault": "malformed", "count": 3}], "per_minute": 2, "from_s": 60, "until_s": 600}]}

`at_s` counts seconds of the platform from the simulator's start, `at_record` the tweets it has made; without either a
fault begins at the start. A mixture becomes single faults, at times drawn by the seed, when the script is read.
`shares`: of what is sent, see generator.Shares.
"""
from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from deploy.errors import BadUse
from deploy.local.simulator.faults import FAULTS, Fault
from deploy.local.simulator.generator import Shares

_WHEN = {"at_s", "at_record"}
_MIXTURE = {"random", "per_minute", "from_s", "until_s"}
#: More than this many faults a mixture are a mistake in its rate.
_MOST = 10_000


@dataclass(frozen=True)
class Entry:
    """A fault of the script. `seed` is for what is random about it."""

    fault: Fault
    at_s: float = 0.0
    at_record: int | None = None
    seed: str = ""

    def made(self) -> Fault:
        """A fault of its own: it keeps what has become of it in itself."""
        return replace(self.fault)


@dataclass(frozen=True)
class Script:
    seed: int = 1
    entries: tuple[Entry, ...] = ()
    shares: Shares = Shares()


def load(path: Path) -> Script:
    """BadUse, in one line, where the file is no script."""
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise BadUse(f"--faults {path}: {error.strerror}") from None
    except ValueError as error:
        said = str(error) if isinstance(error, BadUse) else f"no JSON: {error}"
        raise BadUse(f"--faults {path}: {said}") from None


def parse(found: Any) -> Script:
    """BadUse names the entry, from 1 on, and what it may hold."""
    if not isinstance(found, dict) or not isinstance(found.get("faults"), list):
        raise BadUse('expected an object with a list "faults"')
    if unknown := sorted(set(found) - {"seed", "shares", "faults"}):
        raise BadUse(f"{unknown[0]!r} is no part of a script; expected seed, shares and faults")
    seed, shares = found.get("seed", 1), _shares(found.get("shares", {}))
    if not _is(seed, int):
        raise BadUse(f"seed {seed!r}: expected a whole number")
    entries: list[Entry] = []
    for n, one in enumerate(found["faults"], 1):
        try:
            entries += _entries(one, f"{seed}/{n}")
        except BadUse as error:
            raise BadUse(f"fault {n}: {error}") from None
    return Script(seed, tuple(entries), shares)


def _shares(found: Any) -> Shares:
    known = [field.name for field in fields(Shares)]
    if not isinstance(found, dict) or set(found) - set(known):
        raise BadUse(f"shares {found!r}: expected some of {', '.join(known)}")
    for name, value in found.items():
        if not _is(value, float) or not 0 <= value <= 1:
            raise BadUse(f"{name} {value!r} of shares: expected a number from 0 to 1")
    return Shares(**found)


def entry(found: Any, seed: str = "") -> Entry:
    """One fault as the script has it."""
    if not isinstance(found, dict) or not isinstance(found.get("fault"), str):
        raise BadUse(f'{found!r}: expected an object with "fault" or "random"')
    given = dict(found)
    name, at_s, at_record = given.pop("fault"), given.pop("at_s", None), given.pop("at_record", None)
    if name not in FAULTS:
        raise BadUse(f"no fault {name!r}; there are {', '.join(sorted(FAULTS))}")
    if at_s is not None and at_record is not None:
        raise BadUse(f"{name} has at_s and at_record; expected one of them")
    if at_s is not None and not (_is(at_s, float) and at_s >= 0):
        raise BadUse(f"at_s {at_s!r}: expected seconds from 0 on")
    if at_record is not None and not (_is(at_record, int) and at_record >= 1):
        raise BadUse(f"at_record {at_record!r}: expected the number of a record, from 1 on")
    return Entry(_fault(name, given), at_s or 0.0, at_record, seed)


def _fault(name: str, given: dict[str, Any]) -> Fault:
    cls = FAULTS[name]
    known = {field.name: field.default for field in fields(cls)}
    for key, value in given.items():
        if key not in known:
            raise BadUse(f"{name} has no {key!r}; expected {', '.join(['at_s', 'at_record', *known])}")
        kind = type(known[key])
        if not _is(value, kind) or kind in (int, float) and value < 0:
            raise BadUse(f"{key} {value!r} of {name}: expected {_WORDS[kind]}, such as {json.dumps(known[key])}")
    made = cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in given.items()})
    if fault := made.check():
        raise BadUse(f"{name}: {fault}")
    return made


_WORDS = {int: "a whole number from 0 on", float: "a number from 0 on", bool: "true or false", str: "a text",
          tuple: "a list of texts"}


def _is(value: Any, kind: type) -> bool:
    if kind is tuple:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _entries(one: Any, seed: str) -> Iterator[Entry]:
    if not isinstance(one, dict) or "random" not in one:
        yield entry(one, seed)
        return
    if unknown := sorted(set(one) - _MIXTURE):
        raise BadUse(f"a mixture has no {unknown[0]!r}; expected {', '.join(sorted(_MIXTURE))}")
    choices = one["random"]
    if not isinstance(choices, list) or not choices:
        raise BadUse("random: expected a list of names of faults, or of faults with parameters")
    rate, from_s, until_s = _number(one, "per_minute"), _number(one, "from_s", 0), _number(one, "until_s")
    of = [entry({"fault": choice} if isinstance(choice, str) else choice, seed) for choice in choices]
    if any(_WHEN & set(choice) for choice in choices if isinstance(choice, dict)):
        raise BadUse("what a mixture draws has no at_s or at_record")
    if rate * (until_s - from_s) / 60 > _MOST:
        raise BadUse(f"a mixture of more than {_MOST} faults")
    pick, at = random.Random(seed), from_s
    while rate and (at := at + pick.expovariate(rate / 60)) < until_s:
        yield replace(pick.choice(of), at_s=round(at, 3), seed=f"{seed}/{at:.3f}")


def _number(one: dict[str, Any], name: str, default: float | None = None) -> float:
    value: Any = one.get(name, default)
    if not _is(value, float) or value < 0:
        raise BadUse(f"{name} {value!r} of a mixture: expected a number from 0 on")
    return float(value)
