"""One process, one loop: the question that the stream answers, over records as the simulator writes them.

Counts each tweet once, its tags by key, by minute, from all places a tag may stand in. It knows nothing of odd lines,
v1.1, late tweets or restarts: it says what the plain work costs where nothing is to be kept.
"""
from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import orjson
import regex

from spark_apps.contract import MINUTE_MS

#: ms = (id >> 22) + this.
SNOWFLAKE_MS = 1_288_834_974_657
#: Group 1 is a tag, in texts as the simulator writes them: also understood by DuckDB, which has no look-behind.
TAG = r"(?:^|[^\p{L}\p{M}\p{Nd}_&])[#＃]([\p{L}\p{M}\p{Nd}_・" "\u200c\u200d" "]+)"
_TAG = regex.compile(TAG)

Json = dict[str, Any]


def count(names: Iterable[str]) -> Counter[tuple[int, str]]:
    seen: set[int] = set()
    counts: Counter[tuple[int, str]] = Counter()
    for name in names:
        with open(name, "rb") as lines:
            for line in lines:
                record = orjson.loads(line)
                identity = identity_of(record["data"])
                if identity in seen:
                    continue
                seen.add(identity)
                ms = (identity >> 22) + SNOWFLAKE_MS
                minute = ms - ms % MINUTE_MS
                counts[minute, ""] += 1
                for key in {fold(form) for form in forms(record)}:
                    counts[minute, key] += 1
    return counts


def identity_of(data: Json) -> int:
    """The first id of the chain of edits."""
    chain = data.get("edit_history_tweet_ids") or data.get("edit_history_post_ids")
    return int(chain[0] if chain else data["id"])


def forms(record: Json) -> list[str]:
    """From the first place that there is; entities without hashtags say that there are none."""
    for place in places(record):
        if isinstance(place, str):
            return [str(form) for form in _TAG.findall(place)]
        if place is not None:
            return [tag["tag"] for tag in place.get("hashtags", ())]
    return []


def places(record: Json) -> Iterator[Any]:
    data = record["data"]
    note, original = _note(data), original_of(record)
    yield note.get("entities")
    if original is not None:
        original_note = _note(original)
        yield original_note.get("entities")
        yield original.get("entities")
        yield original_note.get("text") or original.get("text")
    yield data.get("entities")
    yield note.get("text") or data.get("text")


def original_of(record: Json) -> Json | None:
    """The retweeted tweet, where it came along."""
    data = record["data"]
    references = data.get("referenced_tweets") or data.get("referenced_posts") or ()
    retweeted = next((one["id"] for one in references if one["type"] == "retweeted"), None)
    if retweeted is None:
        return None
    included = record.get("includes", {})
    return next((one for one in included.get("tweets") or included.get("posts") or () if one["id"] == retweeted), None)


def _note(tweet: Json) -> Json:
    return tweet.get("note_tweet") or tweet.get("note_post") or {}


@cache
def fold(form: str) -> str:
    return unicodedata.normalize("NFKC", form).casefold()
