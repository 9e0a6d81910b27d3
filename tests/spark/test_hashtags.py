"""Where the tags of a tweet come from, how they are found in a text, and which of them are the same."""
from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

from spark_apps.contract import MAX_LINE_BYTES
from spark_apps.transforms.hashtags import extract, keys
from spark_apps.transforms.identify import identify
from spark_apps.transforms.parse import parse
from tests import oracle
from tests.spark.landing import FILE, line, read, retweet, tags, v1, v2

ABSENT: dict[str, Any] = {"urls": []}
NOTE = {"text": "#whole #note", "entities": tags("whole", "note")}


def text(of: str) -> bytes:
    """A tweet whose tags stand in its text alone."""
    return v2(text=of, entities=None)


#: What stands on the line, and which tags come from which source.
SOURCES: dict[str, tuple[bytes, int, list[str]]] = {
    "the note of a long post": (v2(note_tweet=NOTE, entities=tags("whole")), 1, ["whole", "note"]),
    "the note in its newer spelling": (v2(note_post=NOTE, entities=tags("whole")), 1, ["whole", "note"]),
    "a note that says there are none": (v2(note_tweet={"text": "#x", "entities": {}}, entities=tags("cut")), 1, []),
    "a note without entities": (v2(note_tweet={"text": "#x"}, entities=tags("a")), 3, ["a"]),
    "a note and no entities at all": (v2(note_tweet={"text": "#x #y"}, text="#x…", entities=None), 5, ["x", "y"]),
    "a retweet that is a note": (retweet({"entities": tags("o")}, note_tweet=NOTE), 1, ["whole", "note"]),

    "the original of a retweet": (retweet({"entities": tags("one", "two")}), 2, ["one", "two"]),
    "the original's note": (retweet({"note_tweet": NOTE, "entities": tags("whole")}), 2, ["whole", "note"]),
    "the original's note in its newer spelling": (retweet({"note_post": NOTE}), 2, ["whole", "note"]),
    "an original that says there are none": (retweet({"text": "#x", "entities": ABSENT}), 2, []),
    "an original without entities": (retweet({"text": "#one #two"}), 5, ["one", "two"]),
    "an original with a note without entities": (retweet({"text": "#o…", "note_tweet": {"text": "#one"}}), 5, ["one"]),
    "an original that is gone": (retweet(None), 3, ["cut"]),
    "references in their newer spelling": (
        retweet({"entities": tags("one")}, referenced_tweets=None,
                referenced_posts=[{"type": "retweeted", "id": "5"}]), 2, ["one"]),
    "included posts": (
        v2({"includes": {"posts": [{"id": "5", "entities": tags("one")}]}}, entities=tags("cut"),
           referenced_posts=[{"type": "retweeted", "id": "5"}]), 2, ["one"]),
    "a retweet of a quote takes the retweeted, not the quoted": (
        retweet({"entities": tags("one")}, referenced_tweets=[
            {"type": "quoted", "id": "6"}, {"type": "retweeted", "id": "5"}]), 2, ["one"]),
    "a quote has its own tags": (
        retweet({"entities": tags("one")}, referenced_tweets=[{"type": "quoted", "id": "5"}]), 3, ["cut"]),

    "entities": (v2(text="#other", entities=tags("a", "b")), 3, ["a", "b"]),
    "entities without hashtags": (v2(text="#cut…", entities=ABSENT), 3, []),
    "entities with no hashtags": (v2(text="#cut", entities={"hashtags": []}), 3, []),
    "entities with hashtags null": (v2(text="#cut", entities={"hashtags": None}), 3, []),
    "tags that are null or empty": (v2(entities=tags(None, "", "a")), 3, ["a"]),
    "a tag that is a number": (v2(entities={"hashtags": [{"tag": 5}]}), 3, ["5"]),
    "a tag with a lone surrogate": (
        v2().replace(b'{"mentions": []}', b'{"hashtags":[{"tag":"a\\ud800"}]}'), 3, ["a?"]),
    "v1.1 entities": (v1(entities={"hashtags": [{"text": "a", "indices": [0, 2]}]}), 3, ["a"]),
    "v1.1 entities without hashtags": (v1(text="#cut", entities={"urls": []}), 3, []),

    "an extended tweet of v1.1": (
        v1(extended_tweet={"full_text": "#x", "entities": {"hashtags": [{"text": "long"}]}}), 4, ["long"]),
    "a retweeted status of v1.1": (
        v1(retweeted_status={"text": "#x", "entities": {"hashtags": [{"text": "o"}]}}), 4, ["o"]),
    "a retweeted status that is extended": (
        v1(retweeted_status={"text": "#x", "entities": {"hashtags": [{"text": "cut"}]}, "extended_tweet": {
            "full_text": "#x", "entities": {"hashtags": [{"text": "long"}]}}}), 4, ["long"]),
    "a quoted status of v1.1 has tags of its own": (
        v1(quoted_status={"entities": {"hashtags": [{"text": "q"}]}}, entities={"hashtags": [{"text": "a"}]}),
        3, ["a"]),

    "the text": (text("#a b #c"), 5, ["a", "c"]),
    "the full text of v1.1": (v1(text="#cut", full_text="#a", entities=None), 5, ["a"]),
    "the text of a retweeted status": (
        v1(text="RT #cu…", entities=None, retweeted_status={"full_text": "#whole"}), 5, ["whole"]),
    "no text": (v2(text=None, entities=None), 5, []),
}

#: Texts, and the tags in them.
TEXTS: dict[str, tuple[str, list[str]]] = {
    "a full-width sign and letters": ("＃ｔａｇ", ["ｔａｇ"]),
    "a keycap": ("press #️⃣ or #⃣ now", []),
    "digits only": ("#123 #１２３ #_1", []),
    "digits and a letter": ("#1a", ["1a"]),
    "Persian with a non-joiner": ("#می\u200cخواهم!", ["می\u200cخواهم"]),
    "Sinhala with a joiner": ("#ශ්\u200dරීලංකා", ["ශ්\u200dරීලංකා"]),
    "right to left": ("انظر #السعودية، #חדשות.", ["السعودية", "חדשות"]),
    "right to left with marks of direction": ("\u200f#السعودية\u200e \u2067#חדשות\u2069", ["السعودية", "חדשות"]),
    "two in one word": ("#foo#bar", []),
    "two with a full-width sign between": ("#foo＃bar", []),
    "three in one word": ("#a#b#c", []),
    "two signs": ("##foo", ["foo"]),
    "an entity of HTML": ("&#nbsp; &#39;", []),
    "an emoji in front": ("😀#smile ❤️#love", ["smile", "love"]),
    "an emoji behind": ("#smile😀", ["smile"]),
    "an emoji between": ("#a😀#b", ["a", "b"]),
    "an ideographic space": ("#東京\u3000#大阪\u3000x", ["東京", "大阪"]),
    "the katakana middle dot": ("#ソーシャル・メディア", ["ソーシャル・メディア"]),
    "a middle dot": ("#il·lusió", ["il·lusió"]),
    "a hyphen ends it": ("#foo-bar", ["foo"]),
    "an apostrophe ends it": ("#it's", ["it"]),
    "underscores": ("#a_b_c #_x", ["a_b_c", "_x"]),
    "in the middle of a word": ("foo#bar ア#b é#c 1#d _#e", []),
    "marks that are combined": ("#Me\u0301xico", ["Me\u0301xico"]),
    "a fragment of an address": ("https://example.com/a#frag http://x.y#z", []),
    "an address in capitals": ("HTTPS://EXAMPLE.COM/#Frag", []),
    "an address without a scheme": ("see example.com/a#frag", []),
    "a host and no path is no address": ("example.com#tag", []),
    "a tag right behind an address": ("https://t.co/abc #tag", ["tag"]),
    "a tag that goes on as an address": ("#http://x.y", []),
    "an address right behind Japanese": ("見てhttps://t.co/a#b #c", ["c"]),
    "cut by truncation": ("#whole #cut…", ["whole"]),
    "dots that are no truncation": ("#whole… and more", ["whole"]),
    "a line end after the dots": ("#whole…\n", ["whole"]),
    "a line end": ("#a\n#b\r\n#c", ["a", "b", "c"]),
    "no-break and narrow spaces": ("#a\u00a0#b\u202f#c", ["a", "b", "c"]),
    "one tag twice": ("#a #a", ["a", "a"]),
    "an ideograph beyond 16 bits": ("#𠮷野家", ["𠮷野家"]),
    "letters beyond 16 bits": ("#𝓗𝓮𝓵𝓵𝓸", ["𝓗𝓮𝓵𝓵𝓸"]),
    "right behind a letter beyond 16 bits": ("𠮷#b 𝓗＃c", []),
    "right behind an emoji beyond 16 bits": ("🎉#b", ["b"]),
    "an email and a mention": ("a@b.c/#x @#y", ["x", "y"]),
}

#: Surface forms of one tweet, and what is counted: key -> the form that came first.
KEYS: dict[str, tuple[list[str], dict[str, str]]] = {
    "the KPOP family is one": (["KPop", "KPOP", "kpop", "Kpop"], {"kpop": "KPop"}),
    "full-width letters are letters": (["ＫＰＯＰ", "kpop"], {"kpop": "ＫＰＯＰ"}),
    "the form that came first, though ASCII comes later": (["kpop", "ＫＰＯＰ"], {"kpop": "kpop"}),
    "sharp s is a double s": (["Straße", "STRASSE", "STRAẞE"], {"strasse": "Straße"}),
    "a dotted capital I keeps its dot": (["İstanbul", "istanbul"], {
        "i\u0307stanbul": "İstanbul", "istanbul": "istanbul"}),
    "a capital I is no dotless one": (["ISTANBUL", "ıstanbul"], {"istanbul": "ISTANBUL", "ıstanbul": "ıstanbul"}),
    "ligatures are letters": (["ﬁnance", "finance"], {"finance": "ﬁnance"}),
    "half-width katakana with its mark": (["ﾊﾟｰﾃｨ", "パーティ"], {"パーティ": "ﾊﾟｰﾃｨ"}),
    "accents are kept": (["café", "cafe"], {"café": "café", "cafe": "cafe"}),
    "composed or not": (["México", "Me\u0301xico"], {"méxico": "México"}),
    "a final sigma": (["ΟΔΟΣ", "οδος"], {"οδοσ": "ΟΔΟΣ"}),
    "Cyrillic capitals": (["Россия", "РОССИЯ"], {"россия": "Россия"}),
    "ASCII beside others": (["BTS", "방탄소년단", "bts"], {"bts": "BTS", unicodedata.normalize("NFKC", "방탄소년단"):
                                                      "방탄소년단"}),
    "no tag": ([], {}),
}

CONFORMANCE = [json.loads(row) for row in (Path(__file__).parents[1] / "data" / "twitter_text_hashtags.jsonl")
               .read_text().split("\n") if row.startswith("{")]
#: As many tags as a line may hold, and one text that takes as many steps of the expression as it may.
MANY = [f"a{n:x}" for n in range(100_000)]
LONG = {
    "tags in a text": (text(" ".join("#" + name for name in MANY)), MANY),
    "tags in entities": (v2(entities={"hashtags": [{"tag": name} for name in MANY[:50_000]]}), MANY[:50_000]),
    "one tag": (text("#" + "x" * 1_000_000), ["x" * 1_000_000]),
    "digits": (text("#" + "1" * 1_000_000), []),
    "signs": (text("#" * 1_000_000), []),
    "labels": (text("a." * 500_000 + "#x"), ["x"]),
    "labels of an address": (text("a." * 500_000 + "com/#x #y"), ["y"]),
    "dots": (text("." * 1_000_000 + "#x"), ["x"]),
    "tags glued together": (text("#a" * 500_000), []),
    "an address": (text("https://" + "x" * 1_000_000 + "#y"), []),
}

LINES: dict[str, bytes] = {
    **{f"source: {case}": given for case, (given, _, _) in SOURCES.items()},
    **{f"text: {case}": text(given) for case, (given, _) in TEXTS.items()},
    **{f"key: {case}": v2(entities=tags(*forms)) for case, (forms, _) in KEYS.items()},
    **{f"conformance: {n}": text(given["text"]) for n, given in enumerate(CONFORMANCE)},
    **{f"long: {case}": given for case, (given, _) in LONG.items()},
    "no record": b"[]", "control": line({"errors": []}),
}
#: The oracle's expression is twitter-text's own, which takes a minute and a half to find no address in these.
SLOW = {"long: labels"}


@pytest.fixture(scope="module")
def rows(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    assert max(map(len, LINES.values())) <= MAX_LINE_BYTES
    lines = read(spark, tmp_path_factory.mktemp("landing"), list(LINES.values()))
    extracted = lines.transform(parse).transform(identify).transform(extract).selectExpr("*", "forms AS found")
    found = extracted.transform(keys).select("at", "found", "tag_source", "tags").sort("at").collect()
    return dict(zip(LINES, found, strict=True))


@pytest.mark.parametrize("case", SOURCES)
def test_tags_come_from(case: str, rows: dict[str, Row]) -> None:
    row = rows[f"source: {case}"]
    assert (row["tag_source"], row["found"]) == SOURCES[case][1:]


@pytest.mark.parametrize("case", TEXTS)
def test_in_a_text(case: str, rows: dict[str, Row]) -> None:
    assert rows[f"text: {case}"]["found"] == TEXTS[case][1]


@pytest.mark.parametrize("case", KEYS)
def test_as_a_key(case: str, rows: dict[str, Row]) -> None:
    assert rows[f"key: {case}"]["tags"] == KEYS[case][1]


@pytest.mark.parametrize("n", range(len(CONFORMANCE)), ids=lambda n: str(CONFORMANCE[n]["case"]))
def test_as_twitter_text_does(n: int, rows: dict[str, Row]) -> None:
    assert rows[f"conformance: {n}"]["found"] == CONFORMANCE[n]["tags"]


@pytest.mark.parametrize("case", LONG)
def test_a_megabyte_of(case: str, rows: dict[str, Row]) -> None:
    assert rows[f"long: {case}"]["found"] == LONG[case][1]


@pytest.mark.parametrize("case", ["no record", "control"])
def test_what_is_no_tweet_has_no_tags(case: str, rows: dict[str, Row]) -> None:
    assert rows[case]["tags"] == {}


@pytest.mark.parametrize("case", [name for name in LINES if name not in {"no record", "control", *SLOW}])
def test_the_oracle_finds_the_same_tags(case: str, rows: dict[str, Row]) -> None:
    tweet = oracle.read(oracle.Line.landed(FILE, 1, LINES[case]))
    row = rows[case]
    assert (row["tag_source"], row["found"], row["tags"]) == (tweet.tag_source, list(tweet.forms), dict(tweet.tags))
