"""`deploy/hashtide bench engine` as one runs it, small: in a process and a session of its own."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from deploy.bench.report import RATIOS, TITLES
from tests.spark.conftest import HOME

ROOT = Path(__file__).parents[2]


def test_all_sides_are_measured_and_have_counted_the_same(tmp_path: Path) -> None:
    (tmp_path / "jars").symlink_to(HOME / "jars")
    environment = {**os.environ, "HASHTIDE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "deploy.cli", "bench", "engine", "--tweets", "2000", "--repeats", "1",
               "--warm-up", "0", "--day-hours", "1", "--json"]
    done = subprocess.run(command, text=True, capture_output=True, timeout=480, check=False, env=environment,
                          cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["side"] for one in found["figures"]] == list(TITLES)
    assert all(one["tweets_per_s"]["median"] > 0 and one["tweets_per_s"]["n"] == 1 for one in found["figures"])
    assert [one["name"] for one in found["ratios"]] == [ratio.name for ratio in RATIOS]
    assert all((one["met"] is None) == (one["aim"] is None) for one in found["ratios"])
    counts = found["counts"]
    assert counts["equal"] and 1_900 < counts["tweets"] < 2_000 < counts["rows"] + 2_000
    assert counts["sides"] == ["batch", "duckdb", "orjson", "poison", "steady", "stream", "stream_cold"]
    assert found["day"]["hours"] == 1 and found["day"]["tweets"] == 2_000 // 24
    # The scratch directories are gone, the tweets are not.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "jars"]
    assert (Path(found["data"]["directory"]) / "data.json").is_file()
