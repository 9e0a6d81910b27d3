"""The bench without Spark: its data, the two engines that need no JVM, its figures and what it says of them."""
from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from deploy import cli
from deploy.bench import data, odd, report, table
from deploy.bench.data import Data, ensure
from deploy.bench.feed import Feed
from deploy.errors import HashtideError
from deploy.verbs import bench
from spark_apps.bench import compare, duck, loop
from spark_apps.contract import LandingFile

TWEETS = 6_000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def made(home: Path) -> Data:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HASHTIDE_HOME", str(home))
        return ensure(TWEETS, 1, lambda text: None)


def files(made: Data, which: str = "hour") -> list[Path]:
    return sorted((Path(made.directory) / which).rglob("*.jsonl"))


def lines(made: Data, which: str = "hour") -> list[bytes]:
    return [line for path in files(made, which) for line in path.read_bytes().split(b"\n")[:-1]]


# The data

def test_the_tweets_lie_as_the_stream_reads_them(made: Data) -> None:
    assert len(lines(made)) == TWEETS and len(files(made)) == made.files == 3
    for path in files(made):
        assert LandingFile.parse(path.name).last_ms - LandingFile.parse(path.name).first_ms < data.FILE_MS
        assert path.parent.parent.name == "dt=2026-03-01" and path.parent.name == "hr=00"
    assert made.bytes == sum(path.stat().st_size for path in files(made))


def test_what_is_cached_is_not_made_again_and_another_seed_is(
        home: Path, made: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHTIDE_HOME", str(home))
    said: list[str] = []
    assert ensure(TWEETS, 1, said.append) == made and said == [
        f"data: 6,000 tweets from the cache {made.directory}"]
    assert data.key(TWEETS, 1) != data.key(TWEETS, 2)


def test_data_whose_making_was_cut_off_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHTIDE_HOME", str(tmp_path))

    def cut(part: Path, tweets: int, seed: int, say: Any) -> None:
        raise KeyboardInterrupt
    with monkeypatch.context() as patch:
        patch.setattr(data, "_day", cut)
        with pytest.raises(KeyboardInterrupt):
            ensure(100, 1, lambda text: None)
    assert len(lines(ensure(100, 1, lambda text: None), "day")) == 100


def test_a_changed_generator_makes_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = data.key(100, 1)
    other = tmp_path / "words.py"
    other.write_text("changed")
    monkeypatch.setattr(data.words, "__file__", str(other))
    assert data.key(100, 1) != before


def test_the_poison_set_is_the_same_tweets_with_an_odd_line_after_each_hundred(made: Data) -> None:
    poison = lines(made, "poison")
    assert len(poison) == TWEETS + made.odd_lines and made.odd_lines == TWEETS // 100
    assert [line for line in poison if line not in odd.LINES] == lines(made)
    assert set(odd.LINES) < set(poison)
    assert [n for n, line in enumerate(poison[:303]) if line in odd.LINES] == [100, 201, 302]


def test_an_odd_line_is_one_line() -> None:
    assert not any(b"\n" in line for line in odd.LINES) and len(set(odd.LINES)) == len(odd.LINES)


def test_the_day_has_as_many_tweets_in_24_hours(made: Data) -> None:
    assert len(lines(made, "day")) == TWEETS
    assert [path.parent.name for path in files(made, "day")] == [f"hr={hour:02d}" for hour in range(24)]


def test_a_feed_lands_fresh_tweets_of_the_last_seconds(tmp_path: Path) -> None:
    feed = Feed(tmp_path, 3)
    now = data.BEGIN_MS + 1_000
    feed.land(now, [feed.maker.next(now - 5)])
    (path,) = tmp_path.rglob("*.jsonl")
    assert LandingFile.parse(path.name).last_ms == now and path.parent.name == "hr=00"


# The engines without a JVM

def test_loop_and_duckdb_count_the_same(made: Data) -> None:
    names = [str(path) for path in files(made)]
    counts = loop.count(names)
    assert compare.difference("orjson", counts, "duckdb", duck.count(names, 1)) == ""
    tweets = sum(n for (_, key), n in counts.items() if not key)
    assert TWEETS * 0.97 < tweets < TWEETS   # some are sent twice, some are edits
    assert {key for _, key in counts} > {"", "kpop", "嵐", "ソーシャル・メディア", "strasse", "breakingnews"}


def test_a_difference_shows_its_first_row() -> None:
    one, two = Counter({(60_000, "a"): 2, (0, "b"): 1}), Counter({(60_000, "a"): 3, (0, "b"): 1})
    assert compare.difference("x", one, "y", two) == "x and y differ in 1 of 2 rows; first 00:01 'a': 2 against 3"
    assert compare.difference("x", one, "y", Counter({(60_000, "a"): 2})).endswith("first 00:00 'b': 1 against 0")
    assert compare.difference("x", one, "y", one) == ""


def record(**of: Any) -> dict[str, Any]:
    return {"data": {"id": "1", "text": "", **of}}


@pytest.mark.parametrize("said,forms", [
    (record(entities={"hashtags": [{"tag": "a"}, {"tag": "b"}]}, text="#c"), ["a", "b"]),
    (record(entities={"mentions": []}, text="#c"), []),
    (record(text="#c ＃d https://t.co/1#no &#no x#no"), ["c", "d"]),
    (record(note_tweet={"text": "#n", "entities": {"hashtags": [{"tag": "n"}]}}, entities={"hashtags": []}), ["n"]),
    (record(text="RT #cut", referenced_posts=[{"type": "retweeted", "id": "5"}])
     | {"includes": {"tweets": [{"id": "6", "text": "#other"}, {"id": "5", "text": "#whole"}]}}, ["whole"]),
])
def test_the_loop_takes_tags_from_the_first_place_that_there_is(said: dict[str, Any], forms: list[str]) -> None:
    assert loop.forms(said) == forms


def test_the_loop_counts_a_tweet_and_each_of_its_tags_once(tmp_path: Path) -> None:
    chain = {"edit_history_tweet_ids": ["1", "2"]}
    same = {"hashtags": [{"tag": "ＡＢ"}, {"tag": "ab"}]}
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(json.dumps(one).encode() + b"\n" for one in (
        record(entities=same), record(id="2", entities=same, **chain), record(id="3", entities=same))))
    assert {key: n for (_, key), n in loop.count([str(path)]).items()} == {"": 2, "ab": 2}


# Figures

def run(side: str, repeat: int, seconds: float, cpu_s: float = 1.0, batch_s: float | None = None) -> dict[str, Any]:
    return {"side": side, "repeat": repeat, "seconds": seconds, "cpu_s": cpu_s, "tweets": 100, "batches": 2,
            "batch_s": batch_s}


RUNS = [run("stream", 0, 2.0, 4.0, 0.5), run("batch", 0, 1.0, 3.0), run("noop", 0, 1.6), run("poison", 0, 2.1),
        run("stream", 1, 20.0, 4.0, 9.0), run("batch", 1, 18.0, 3.0), run("noop", 1, 10.0), run("poison", 1, 21.0),
        run("stream", 2, 2.0, 4.0, 0.7), run("batch", 2, 1.6, 3.0), run("noop", 2, 1.5), run("poison", 2, 2.5)]


def ratio(name: str, runs: list[dict[str, Any]] = RUNS) -> dict[str, Any]:
    (found,) = [one for one in report.ratios(runs) if one["name"] == name]
    return found


def test_a_ratio_is_taken_within_each_repeat_so_that_a_slow_one_changes_nothing() -> None:
    found = ratio("stream_of_batch")
    assert (found["median"], found["min"], found["max"], found["n"]) == (0.8, 0.5, 0.9, 3)
    assert found["by_cpu"]["median"] == 0.75


@pytest.mark.parametrize("name,met", [("stream_of_batch", True), ("sink_over_noop", True), ("poison_over_none", True)])
def test_aims_are_met_or_missed_by_the_median(name: str, met: bool) -> None:
    found = ratio(name)
    assert found["met"] is met
    slower = [one | {"seconds": one["seconds"] * 1.5} if one["side"] in ("stream", "poison") else one for one in RUNS]
    faster = [one | {"seconds": one["seconds"] / 1.5} if one["side"] == "stream" else one for one in RUNS]
    assert ratio(name, faster if name == "poison_over_none" else slower)["met"] is False


def test_a_ratio_that_nobody_has_an_aim_for_is_neither_met_nor_missed() -> None:
    assert ratio("stream_of_orjson", [*RUNS, run("orjson", 0, 1.0)])["met"] is None


def test_a_side_has_its_median_and_range() -> None:
    (found,) = [one for one in report.figures(RUNS) if one["side"] == "stream"]
    assert found["tweets_per_s"] == {"median": 50.0, "min": 5.0, "max": 50.0, "n": 3}
    assert found["batch_s"]["median"] == 0.7 and found["cpu_s_per_million"]["median"] == 40_000


def samples(grows_mb: float, minutes: int = 20) -> list[dict[str, Any]]:
    """It grows by 100 MB a minute at first, as every JVM does."""
    return [{"at_s": 60.0 * n, "java_mb": 900 + 100 * min(n, 5) + grows_mb * n, "python_mb": 100.0, "heap_mb": 300.0,
             "code_mb": 100.0, "classes_mb": 200.0, "native_mb": 100.0 + grows_mb * n, "state_rows": 1000,
             "state_mb": 1.0, "batch_id": n, "batch_s": 1.0} for n in range(minutes)]


@pytest.mark.parametrize("grows_mb,flat", [(0.0, True), (2.0, True), (-5.0, True), (10.0, False)])
def test_memory_is_judged_by_the_second_half(grows_mb: float, flat: bool) -> None:
    found = report.soaked(samples(grows_mb))
    assert found["slopes"]["java_mb"] == pytest.approx(grows_mb) and found["flat"] is flat


def whole(differences: list[str] | None = None, **soak: Any) -> dict[str, Any]:
    measured = {"runs": RUNS, "spark": "4", "cores": 2, "differences": differences or [],
                "day": {"hours": 2, "tweets": 100, "seconds": 4.0, "hour_s": [1.0, 3.0]},
                "counts": {"rows": 3, "tweets": 99, "sides": ["batch", "stream"]}}
    return report.report(Data("/cache/x", 100, 1, 3, 10, 1), measured, soak.get("samples"))


def test_the_table_has_each_side_each_aim_and_where_the_tweets_are() -> None:
    text = table.text(whole(samples=samples(10.0)))
    assert "stream, warm  " in text and "Spark's batch, warm  " in text
    (aim,) = [line for line in text.splitlines() if line.startswith("speed of the stream / of Spark's batch")]
    assert aim.split()[-6:] == ["0.80", "0.50..0.90", "0.75", ">=", "0.75", "yes"]
    assert "2 hours of 100 tweets, 25 tweets/s, 2.0 s an hour (1.0..3.0)" in text and "Flat: no" in text
    assert text.endswith("The tweets stay in /cache/x")


def test_missed_names_the_aims_that_are_not_met() -> None:
    assert report.missed(whole()) == [] and report.missed(whole(samples=samples(10.0))) == ["memory"]


# The verb

@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the verb gets to hear instead of a measurement."""
    monkeypatch.setenv("HASHTIDE_HOME", str(tmp_path))
    (tmp_path / "jars" / "delta").mkdir(parents=True)
    (tmp_path / "jars" / "delta" / "delta.jar").touch()
    told = {"runs": RUNS, "spark": "4", "cores": 2, "differences": [], "day": None,
            "counts": {"rows": 3, "tweets": 99, "sides": ["batch"]}}
    monkeypatch.setattr(bench, "child", lambda words, place: told)
    return told


def test_the_exit_code_is_0_whatever_the_figures_unless_they_are_checked(measured: dict[str, Any]) -> None:
    command = ["bench", "engine", "--tweets", "50", "--json"]
    assert cli.main(command) == 0 == cli.main([*command, "--check"])
    measured["runs"] = [one | {"seconds": 99.0} if one["side"] == "stream" else one for one in RUNS]
    assert cli.main(command) == 0 and cli.main([*command, "--check"]) == 1


def test_counts_that_differ_are_an_error(measured: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    measured["differences"] = ["stream and orjson differ in 1 of 3 rows"]
    assert cli.main(["bench", "engine", "--tweets", "50"]) == 1
    assert "hashtide: the counts are not the same: stream and orjson differ in 1 of 3 rows" in capsys.readouterr().err


def test_a_child_that_fails_is_an_error_and_its_directory_is_gone(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHTIDE_HOME", str(tmp_path))
    with pytest.raises(HashtideError, match="spark_apps.bench ended with 2"), bench.scratch() as place:
        bench.child(["spark_apps.bench", "--nonsense"], place)
    assert not list(tmp_path.iterdir())
