"""Where the tags of a tweet are, how they are found in a text, and which of them are the same."""
from __future__ import annotations

import unicodedata
from functools import lru_cache

import regex

from tests.oracle.lines import Json, first, text_of

#: A place where tags may be: source, entities, the text to scan where these entities are absent.
Place = tuple[int, Json | None, str | None]

_S = "_\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003\u0f0b\u0f0c\u00b7"
_TAG = regex.compile(
    r"(?i:https?://[!-~]+|(?<![\p{L}\p{M}\p{Nd}@#＃._-])(?:[a-z0-9-]+\.)+[a-z]{2,}/[!-~]*)"
    r"|(?:(?<=[\uFE0E\uFE0F])|(?<![&\p{L}\p{M}\p{Nd}" + _S + r"]))[#＃](?![\uFE0F\u20E3])"
    r"((?>[\p{L}\p{M}\p{Nd}" + _S + r"]*[\p{L}\p{M}][\p{L}\p{M}\p{Nd}" + _S + r"]*))(?![#＃]|://|…\Z)")


def forms_of(places: list[Place]) -> tuple[int, list[str]]:
    for source, entities, text in places:
        if entities is not None:
            named = [text_of(first(tag.get("tag"), tag.get("text"))) for tag in entities.get("hashtags") or [] if tag]
            return source, [form for form in named if form]
        if text is not None:
            return 5, [form for form in _TAG.findall(text_of(text)) if form]
    return 5, []


@lru_cache(maxsize=100_000)
def key(form: str) -> str:
    return unicodedata.normalize("NFKC", form).casefold()
