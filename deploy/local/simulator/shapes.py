"""How the platform lays out one post: text with entities, the cut text of a retweet, long posts, both spellings."""
from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

_SHORT, _RETWEET = 280, 139


def compose(pick: random.Random, words: Sequence[str], tags: Sequence[str], filler: int) -> tuple[str, list[Json]]:
    """A text with these tags somewhere in it, and the tags' entities. Indices count code points."""
    slots = sorted(pick.randrange(filler + 1) for _ in tags)
    text, entities = "", []
    at = 0
    for n, word in enumerate([*pick.choices(words, k=filler), ""]):
        while at < len(tags) and slots[at] == n:
            start = len(text)
            text += ("＃" if pick.random() < 0.03 else "#") + tags[at]
            entities.append({"start": start, "end": len(text), "tag": tags[at]})
            text += "\u3000" if pick.random() < 0.05 else " "
            at += 1
        text += word + " "
    if pick.random() < 0.3:
        text += f"https://t.co/{pick.getrandbits(40):x}#not_a_tag "
    return text.rstrip(" "), entities


def long_post(text: str, tags: list[Json]) -> Json:
    """A post over 280 characters: the cut text outside, all of it in the note."""
    if len(text) <= _SHORT:
        return {"text": text, "entities": {"hashtags": tags}}
    inside = [tag for tag in tags if tag["end"] < _SHORT]
    return {
        "text": text[:_SHORT - 1] + "…",
        "entities": {"hashtags": inside} if inside else {"urls": []},
        "note_tweet": {"text": text, "entities": {"hashtags": tags}},
    }


def cut_retweet(original: Json) -> Json:
    """Text and entities of a retweet: cut, and so are the tags. The whole text is in the original only."""
    head = f"RT @user{original['author_id']}: "
    text = head + original["text"]
    cut = text if len(text) <= _RETWEET + 1 else text[:_RETWEET] + "…"
    shifted = [{"start": tag["start"] + len(head), "end": tag["end"] + len(head), "tag": tag["tag"]}
               for tag in original.get("entities", {}).get("hashtags", [])]
    inside = [tag for tag in shifted if tag["end"] <= (len(cut) if cut == text else _RETWEET - 1)]
    entities: Json = {"mentions": [{"start": 3, "end": len(head) - 2, "username": f"user{original['author_id']}"}]}
    if inside:
        entities["hashtags"] = inside
    return {"lang": original["lang"], "text": cut, "entities": entities}


_POSTS = {"referenced_tweets": "referenced_posts", "edit_history_tweet_ids": "edit_history_post_ids",
          "note_tweet": "note_post"}


def post_spelling(tweet: Json) -> Json:
    """The same post with the newer names of the same fields."""
    return {_POSTS.get(key, key): value for key, value in tweet.items()}
