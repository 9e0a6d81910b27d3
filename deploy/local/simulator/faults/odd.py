"""Lines that are no tweets, tweets with odd fields, and messages about tweets."""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from deploy.local.simulator.connection import Record

Json = dict[str, Any]

#: Each makes a line that is no tweet of one that is. None holds a line end.
MALFORMED: dict[str, Callable[[bytes], bytes]] = {
    "cut_off": lambda line: line[:len(line) // 3],
    "html": lambda line: b"<html><head><title>502 Bad Gateway</title></head><body></body></html>",
    "null": lambda line: b"null",
    "array": lambda line: b"[" + line + b"]",
    "string": lambda line: b'"a string"',
    "number": lambda line: b"42",
    "no_utf8": lambda line: line.replace(b'"text":"', b'"text":"\xff\xfe\xc3\x28', 1),
    "nul_byte": lambda line: line.replace(b'"text":"', b'"text":"\x00', 1),
    "two_on_a_line": lambda line: line + line,
    "no_id": lambda line: b'{"data":{"text":"no id #lost"}}',
}


def _without(*names: str) -> Callable[[Json], None]:
    def change(found: Json) -> None:
        for name in names:
            found["data"].pop(name, None)
    return change


def _with(name: str, value: Callable[[Json], Any]) -> Callable[[Json], None]:
    def change(found: Json) -> None:
        found["data"][name] = value(found["data"])
    return change


def _around(name: str, value: Any) -> Callable[[Json], None]:
    def change(found: Json) -> None:
        found[name] = value
    return change


#: Each changes a record in its place; it stays a tweet that can be told by its id.
FIELDS: dict[str, Callable[[Json], None]] = {
    "no_text": _without("text"),
    "no_created_at": _without("created_at"),
    "no_author_id": _without("author_id"),
    "no_entities": _without("entities"),
    "no_edit_history": _without("edit_history_tweet_ids", "edit_history_post_ids"),
    "no_lang": _without("lang"),
    "no_matching_rules": lambda found: found.pop("matching_rules", None),
    "id_is_a_number": _with("id", lambda data: int(data["id"])),
    "author_is_a_number": _with("author_id", lambda data: 12),
    "text_is_null": _with("text", lambda data: None),
    "entities_is_null": _with("entities", lambda data: None),
    "entities_is_empty": _with("entities", lambda data: {}),
    "hashtags_is_null": _with("entities", lambda data: {"hashtags": None}),
    "hashtags_is_empty": _with("entities", lambda data: {"hashtags": []}),
    "created_at_is_odd": _with("created_at", lambda data: "yesterday"),
    "referenced_is_null": _with("referenced_tweets", lambda data: None),
    "includes_is_null": _around("includes", None),
    "rules_are_odd": _around("matching_rules", [{"id": 1, "tag": None}, {"id": "2"}]),
    "unknown_fields": _with("article", lambda data: {"title": "new", "blocks": [1, {"a": None}]}),
    "errors_beside": _around("errors", [{"title": "Not Found Error", "resource_type": "tweet", "value": "1"}]),
}


def deleted(tweet_id: str, author_id: str, fault: str) -> Record:
    return _message("delete", {"status": {"id": int(tweet_id), "id_str": tweet_id, "user_id": int(author_id),
                                          "user_id_str": author_id}}, fault)


def withheld(tweet_id: str, author_id: str, fault: str) -> Record:
    return _message("status_withheld", {"id": int(tweet_id), "user_id": int(author_id),
                                        "withheld_in_countries": ["DE", "AR"]}, fault)


def _message(kind: str, what: Json, fault: str) -> Record:
    return Record(json.dumps({kind: what}, separators=(",", ":")).encode(), fault)
