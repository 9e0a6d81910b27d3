"""A landed line, and what JSON it is."""
from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

LONGEST = 1024 * 1024
#: Levels of brackets; deeper JSON is refused by readers, so it counts as none.
DEEPEST = 900

_NAME = re.compile(r"([0-9]{13})-([0-9]{13})-([a-z][a-z0-9_]*)-[0-9a-z]+\.jsonl")


@dataclass(frozen=True)
class Line:
    """One line of a landing file, without its line end."""

    value: bytes
    arrival_ms: int
    source: str = "x"
    file: str = ""
    number: int = 0

    @classmethod
    def landed(cls, file: str, number: int, value: bytes) -> Line:
        """Arrival and source as the file's name tells them: <first_ms>-<last_ms>-<source>-<unique>.jsonl.

        A byte order mark that a file begins with is the file's, and no part of its first line.
        """
        name = _NAME.fullmatch(file)
        assert name, file
        own = value.removeprefix(codecs.BOM_UTF8) if number == 1 else value
        return cls(own, int(name[2]), name[3], file, number)


class Refused(Exception):
    """The line is no record; the text is the reason."""


# Where the platform puts objects ({}) and lists ([]); everything unnamed is a scalar or of no interest.
_ENTITIES: Json = {"hashtags": [{}]}
_NOTE: Json = {"entities": _ENTITIES}
_ORIGINAL: Json = {"note_tweet": _NOTE, "note_post": _NOTE, "entities": _ENTITIES}
_SHAPE: Json = {
    "data": {"note_tweet": _NOTE, "note_post": _NOTE, "entities": _ENTITIES, "referenced_tweets": [{}],
             "referenced_posts": [{}], "edit_history_tweet_ids": [None], "edit_history_post_ids": [None]},
    "includes": {"tweets": [_ORIGINAL], "posts": [_ORIGINAL]},
    "user": {}, "quoted_status": {}, "entities": _ENTITIES, "extended_tweet": _NOTE,
    "retweeted_status": {"entities": _ENTITIES, "extended_tweet": _NOTE},
}


def record(value: bytes) -> Json:
    """The object on this line, numbers kept as text. Raises Refused."""
    if len(value) > LONGEST:
        raise Refused("too_large")
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise Refused("bad_encoding") from None
    if _too_deep(value):
        raise Refused("not_json")
    try:
        found = json.loads(text, parse_int=str, parse_float=str, parse_constant=_no_constant)
    except ValueError:
        raise Refused("not_json") from None
    if not isinstance(found, dict) or not _fits(found, _SHAPE):
        raise Refused("not_object")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _too_deep(value: bytes) -> bool:
    if value.count(b"[") + value.count(b"{") <= DEEPEST:
        return False
    depth = deepest = 0
    for bracket in re.findall(rb"[\[\]{}]", re.sub(rb'"(?:[^"\\]|\\.)*"', b"", value)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest > DEEPEST


def _fits(value: Any, shape: Any) -> bool:
    if value is None or shape is None:
        return True
    if isinstance(shape, list):
        return isinstance(value, list) and all(_fits(item, shape[0]) for item in value)
    return isinstance(value, dict) and all(_fits(value.get(name), inner) for name, inner in shape.items())


def text_of(value: Any) -> Any:
    """A scalar as text; what is none, as its JSON. A lone surrogate cannot be stored in UTF-8 and becomes `?`."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    return value if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def part(value: Json | None, name: str) -> Any:
    return None if value is None else value.get(name)


def either(value: Json, old: str, new: str) -> Any:
    return first(value.get(old), value.get(new))


def entities_of(value: Json | None) -> Json | None:
    entities: Json | None = part(value, "entities")
    return entities
