from __future__ import annotations

from pathlib import Path

import pytest

from deploy import config
from deploy.errors import BadUse

GOOD = """
[hdfs]
default_fs = hdfs://nn1:8020
webhdfs = http://nn1:9870, http://nn2:9870/
user = hashtide
[yarn]
resourcemanagers = http://rm1:8088,http://rm2:8088
max_app_attempts = 3
[spark]
driver_memory = 1g
[spark.conf]
spark.executor.memoryOverheadFactor = 0.2
"""


def write(directory: Path, text: str) -> Path:
    path = directory / "prod.ini"
    path.write_text(text)
    return path


def test_a_cluster_file_names_every_namenode_and_resourcemanager(tmp_path: Path) -> None:
    cluster = config.load(write(tmp_path, GOOD))
    assert cluster.name == "prod"
    assert cluster.hdfs.webhdfs == ("http://nn1:9870", "http://nn2:9870")
    assert cluster.yarn.resourcemanagers == ("http://rm1:8088", "http://rm2:8088")
    assert cluster.yarn.max_app_attempts == 3
    assert cluster.spark.conf == {"spark.executor.memoryOverheadFactor": "0.2"}
    assert cluster.root == "/hashtide"


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    bad = GOOD.replace("http://nn1:9870", "nn1:9870").replace("= 3", "= many").replace("1g", "1 gig") + "[spak]\n"
    with pytest.raises(BadUse) as fault:
        config.load(write(tmp_path, bad))
    for part in ("[spak] is no section", "webhdfs = nn1:9870", "max_app_attempts = many", "driver_memory = 1 gig"):
        assert part in str(fault.value)
    assert "\n" not in str(fault.value)


def test_what_is_needed_and_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadUse, match="resourcemanagers is missing"):
        config.load(write(tmp_path, "[hdfs]\ndefault_fs=hdfs://a:1\nwebhdfs=http://a:2\n"))


def test_a_file_that_is_not_ini_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadUse) as fault:
        config.load(write(tmp_path, "nonsense"))
    assert "\n" not in str(fault.value)


def test_without_a_local_cluster_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHTIDE_HOME", str(tmp_path))
    monkeypatch.delenv("HASHTIDE_CLUSTER", raising=False)
    with pytest.raises(BadUse, match="deploy/hashtide up"):
        config.load()
