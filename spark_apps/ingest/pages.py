"""Recent search in the words of the stream: its rules as queries, a page's posts as lines of the stream. Pure."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

Json = dict[str, Any]

#: Characters of a query.
_LONGEST = 512
#: Snowflake ids: milliseconds since this instant, then 22 bits.
_EPOCH_MS = 1_288_834_974_657


@dataclass(frozen=True)
class Query:
    """`rule`: as a record of the stream names it, where the query is that of one rule alone."""

    text: str
    rule: Json | None = None


def queries(rules: Sequence[tuple[str, str, str | None]]) -> list[Query] | str:
    """Of (value, id, tag), as few as together find what the rules match; or why they cannot."""
    if not rules:
        return "there are no rules to search by; give --rule or --rules-file"
    longest = max((value for value, _, _ in rules), key=len)
    if len(longest) > _LONGEST:
        return f"the rule {longest[:40]!r}... has {len(longest)} characters, and a search at most {_LONGEST}"
    if len(rules) == 1:
        [(value, number, tag)] = rules
        return [Query(value, {"id": number, "tag": tag})]
    found: list[str] = []
    for value, _, _ in rules:
        joined = f"{found[-1]} OR ({value})" if found else ""
        if joined and len(joined) <= _LONGEST:
            found[-1] = joined
        else:
            found.append(f"({value})" if len(value) <= _LONGEST - 2 else value)
    return [Query(text) for text in found]


def lines(page: Json, rule: Json | None = None) -> Iterator[tuple[int, bytes]]:
    """(id, line) of each post of a page, each with what it refers to and with whom of what the page includes."""
    around = page.get("includes") or {}
    posts_key = "posts" if "posts" in around else "tweets"
    posts = {str(post["id"]): post for post in around.get(posts_key) or ()}
    users = {str(user["id"]): user for user in around.get("users") or ()}
    for post in page.get("data") or ():
        others = [posts[number] for number in _refers_to(post) if number in posts]
        people = dict.fromkeys(str(one["author_id"]) for one in (post, *others) if one.get("author_id"))
        known = [users[number] for number in people if number in users]
        includes = {**({posts_key: others} if others else {}), **({"users": known} if known else {})}
        yield int(post["id"]), orjson.dumps({"data": post, **({"includes": includes} if includes else {}),
                                             **({"matching_rules": [rule]} if rule else {})})


def _refers_to(post: Json) -> list[str]:
    found = post.get("referenced_tweets") or post.get("referenced_posts") or ()
    return [str(one["id"]) for one in found if "id" in one]


def first_id(ms: int) -> int:
    """The least that a post of this instant may have."""
    return (ms - _EPOCH_MS) << 22


def made_ms(number: int) -> int:
    return (number >> 22) + _EPOCH_MS
