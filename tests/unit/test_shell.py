"""What `shell` starts, and where its driver listens. The session itself is in tests/spark/test_shell.py."""
from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deploy import cli
from deploy.config import Airflow, Cluster, Hdfs, Spark, Yarn
from deploy.verbs import shell

LOOPBACK_ONLY = {"spark.yarn.appMasterEnv.SPARK_LOCAL_IP": "127.0.0.1"}


def cluster(**conf: str) -> Cluster:
    spark = Spark(submit="/opt/spark/bin/spark-submit", python="/usr/bin/python3.11", jars="local:/jars/delta.jar",
                  yarn_jars="hdfs:///spark.zip", hadoop_conf_dir="/etc/hadoop", executors=3, conf=conf)
    return Cluster("prod", Hdfs("hdfs://nn:8020", ("http://nn:9870",), user="hashtide"),
                   Yarn(("http://rm:8088",), batch_queue="nightly"), spark, Airflow())


def test_a_local_session_listens_on_loopback_and_needs_no_queue() -> None:
    found = shell.settings(cluster(), on_yarn=False)
    assert (found["spark.master"], found["spark.jars"]) == ("local[2]", "local:/jars/delta.jar")
    assert found["spark.driver.host"] == found["spark.driver.bindAddress"] == "127.0.0.1"
    assert found["spark.ui.enabled"] == "false" and "spark.yarn.queue" not in found


def test_on_yarn_the_executors_are_in_the_batch_queue_and_the_driver_is_here() -> None:
    found = shell.settings(cluster(), on_yarn=True)
    assert (found["spark.master"], found["spark.submit.deployMode"]) == ("yarn", "client")
    assert (found["spark.yarn.queue"], found["spark.executor.instances"]) == ("nightly", "3")
    assert found["spark.yarn.archive"] == "hdfs:///spark.zip"
    assert "spark.driver.host" not in found


def test_on_a_one_machine_cluster_a_driver_for_yarn_listens_on_loopback_too() -> None:
    found = shell.settings(cluster(**LOOPBACK_ONLY), on_yarn=True)
    assert found["spark.driver.host"] == found["spark.driver.bindAddress"] == "127.0.0.1"


@pytest.mark.parametrize("on_yarn", [True, False])
def test_the_cluster_files_settings_win_but_for_where_the_session_runs(on_yarn: bool) -> None:
    found = shell.settings(cluster(**{"spark.driver.host": "here", "spark.master": "k8s://x"}), on_yarn)
    assert found["spark.driver.host"] == "here" and found["spark.master"] in ("yarn", "local[2]")


def test_the_command_is_this_python_with_the_streams_root_whole(tmp_path: Path) -> None:
    args = cli.parser().parse(["shell", "--stream", "music", "-c--x"])
    words = shell.command(cluster(), args)
    assert words[:4] == [sys.executable, "-P", "-m", "spark_apps.shell"]
    assert words[words.index("--root") + 1] == "hdfs://nn:8020/hashtide" and words[-1] == "--code=--x"


def test_the_executors_python_is_the_nodes_own_and_secrets_stay_here(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X_BEARER_TOKEN", "secret")
    local, on_yarn = (shell.environment(cluster(), tmp_path, where) for where in (False, True))
    assert (local["PYSPARK_PYTHON"], on_yarn["PYSPARK_PYTHON"]) == (sys.executable, "/usr/bin/python3.11")
    assert local["HADOOP_CONF_DIR"] == "/etc/hadoop" and local["HADOOP_USER_NAME"] == "hashtide"
    assert "X_BEARER_TOKEN" not in local


@pytest.mark.parametrize("line,said", [
    ("--local --yarn", "--yarn: not allowed with argument --local"), ("-c 1 --file x", "not allowed with argument -c"),
    ("--file /no/such.py", "--file /no/such.py: no such file")])
def test_wrong_use_is_one_line_before_anything_starts(
        line: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["shell", "--cluster", "example", *line.split()]) == 2
    assert said in capsys.readouterr().err


def test_an_hdfs_that_does_not_answer_is_said_before_spark_waits_for_it(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "nowhere.ini"
    path.write_text("[hdfs]\ndefault_fs = hdfs://127.0.0.1:9\nwebhdfs = http://127.0.0.1:9\n"
                    "[yarn]\nresourcemanagers = http://127.0.0.1:9\n")
    monkeypatch.setenv("HASHTIDE_HOME", str(tmp_path))
    assert cli.main(["shell", "--cluster", str(path)]) == 3
    assert "127.0.0.1:9" in capsys.readouterr().err
