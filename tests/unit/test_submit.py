from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy import config, submit
from deploy.artifact import Release
from deploy.errors import BadUse, TimedOut, Unreachable
from deploy.yarn import Application

CLUSTER = config.Cluster(
    "t", config.Hdfs("hdfs://nn:8020", ("http://nn:9870",), "hashtide"),
    config.Yarn(("http://rm:8088",), max_app_attempts=3),
    config.Spark("/opt/spark/bin/spark-submit", "/etc/hadoop", "/opt/spark/bin/python", "local:/opt/jars/*",
                 "local:/opt/delta.jar", conf={"spark.ui.enabled": "false"}), config.Airflow())
RELEASE = Release("0.1.0-12345678")


def job(kind: str = "stream") -> submit.Job:
    return submit.Job(kind, "hashtide a e1", "streaming", ("hashtide-a", "hashtide-a-e1"), ("--stream", "a"), RELEASE)


def settings(command: list[str]) -> dict[str, str]:
    pairs = (command[i + 1] for i, word in enumerate(command) if word == "--conf")
    return dict(pair.split("=", 1) for pair in pairs)


def test_the_command_names_program_release_and_arguments_in_this_order() -> None:
    command = submit.build_command(CLUSTER, job())
    assert command[:5] == ["/opt/spark/bin/spark-submit", "--master", "yarn", "--deploy-mode", "cluster"]
    assert command[-5:] == ["--py-files", "hdfs://nn:8020/hashtide/releases/0.1.0-12345678/app.zip",
                            "hdfs://nn:8020/hashtide/releases/0.1.0-12345678/hashtag_stream.py", "--stream", "a"]


def test_a_stream_of_either_engine_gets_yarns_attempts_and_a_batch_does_not() -> None:
    *streams, batch = (settings(submit.build_command(CLUSTER, job(kind))) for kind in ("stream", "classic", "batch"))
    for stream in streams:
        assert stream["spark.yarn.maxAppAttempts"] == "3"
        assert stream["spark.yarn.am.attemptFailuresValidityInterval"] == "1h"
    assert batch["spark.yarn.maxAppAttempts"] == "1"


def test_tags_queue_python_and_jars_come_from_job_and_cluster() -> None:
    conf = settings(submit.build_command(CLUSTER, job()))
    assert conf["spark.yarn.tags"] == "hashtide-a,hashtide-a-e1"
    assert conf["spark.yarn.queue"] == "streaming"
    assert conf["spark.pyspark.python"] == conf["spark.yarn.appMasterEnv.PYSPARK_PYTHON"] == "/opt/spark/bin/python"
    assert conf["spark.yarn.jars"] == "local:/opt/jars/*"
    assert conf["spark.yarn.submit.waitAppCompletion"] == "false"


@pytest.mark.parametrize("kind", ["stream", "batch"])
def test_drivers_and_executors_outlast_a_namenode_that_is_away(kind: str) -> None:
    conf = settings(submit.build_command(CLUSTER, job(kind)))
    assert conf["spark.hadoop.dfs.client.retry.policy.enabled"] == "true"
    sleeps = list(map(int, conf["spark.hadoop.dfs.client.retry.policy.spec"].split(",")))   # ms, times, ms, times
    assert sum(ms * times for ms, times in zip(sleeps[::2], sleeps[1::2], strict=True)) >= 600_000


def test_of_two_namenodes_the_other_is_asked_at_once_and_both_for_as_long() -> None:
    two = replace(CLUSTER, hdfs=replace(CLUSTER.hdfs, webhdfs=("http://nn1:9870", "http://nn2:9870")))
    conf = settings(submit.build_command(two, job()))
    assert not [key for key in conf if "retry.policy" in key]
    attempts, most_ms = (int(conf[f"spark.hadoop.dfs.client.failover.{name}"]) for name in (
        "max.attempts", "sleep.max.millis"))
    # Hadoop's sleeps double from 500 ms, and each is between half and all and a half of that.
    assert sum(min(500 * 2 ** n, most_ms) for n in range(attempts)) >= 660_000 and most_ms <= 5000


FILE = {"spark.executor.instances": "8", "spark.executor.memory": "8g", "spark.executor.cores": "4",
        "spark.yarn.queue": "other", "spark.yarn.tags": "other"}


@pytest.mark.parametrize("asked,instances,memory", [
    ({}, "8", "8g"), ({"executors": 2}, "2", "8g"), ({"executor_memory": "700m"}, "8", "700m"),
    ({"executors": 2, "executor_memory": "700m"}, "2", "700m")])
def test_the_cluster_files_own_settings_win_but_not_over_what_was_asked_for(
        asked: dict[str, Any], instances: str, memory: str) -> None:
    cluster = replace(CLUSTER, spark=replace(CLUSTER.spark, conf=FILE))
    conf = settings(submit.build_command(cluster, replace(job(), **asked)))
    assert (conf["spark.executor.instances"], conf["spark.executor.memory"]) == (instances, memory)
    assert (conf["spark.executor.cores"], conf["spark.yarn.queue"]) == ("4", "streaming")
    assert conf["spark.yarn.tags"] == "hashtide-a,hashtide-a-e1", "by them it is found again"


def test_spark_submit_sees_no_secret_of_its_parent(tmp_path: Path) -> None:
    base = {"PATH": "/bin", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "secret", "X_BEARER_TOKEN": "secret",
            "PYSPARK_PYTHON": "/elsewhere", "SPARK_HOME": "/elsewhere"}
    env = submit.environment(CLUSTER, tmp_path, base)
    assert env == {"PATH": "/opt/spark/bin:/bin", "SPARK_CONF_DIR": str(tmp_path), "HADOOP_CONF_DIR": "/etc/hadoop",
                   "YARN_CONF_DIR": "/etc/hadoop", "HADOOP_USER_NAME": "hashtide"}


class Client:
    """A spark-submit that ends with `code` after `polls` looks."""

    def __init__(self, code: int | None, polls: int = 0, words: str = "") -> None:
        self.code, self.polls, self.words, self.ended = code, polls, words, False

    def poll(self) -> int | None:
        self.polls -= 1
        return self.code if self.polls < 0 else None

    def last_words(self) -> str:
        return self.words

    def end(self) -> None:
        self.ended = True


class Yarn:
    """An RM that knows the application from the n-th question on; `error` before."""

    def __init__(self, after: int, error: Exception | None = None) -> None:
        self.after, self.error = after, error

    def apps(self, tag: str | None = None, states: object = ()) -> list[Application]:
        self.after -= 1
        if self.after >= 0 and self.error:
            raise self.error
        return [] if self.after >= 0 else [Application("application_1_1", "ACCEPTED")]


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def confirm(yarn: Yarn, client: Client) -> Application:
    time = Time()
    return submit.confirm(yarn, client, "hashtide-launch-1", 30, time.monotonic, time.sleep)


def test_an_application_is_confirmed_by_its_tag_whatever_the_client_says() -> None:
    assert confirm(Yarn(3), Client(None)).id == "application_1_1"


def test_a_client_that_fails_before_an_application_exists_is_quoted() -> None:
    with pytest.raises(submit.SubmitFailed, match="no application: Connection refused"):
        confirm(Yarn(99), Client(1, 2, "Connection refused"))


def test_a_client_that_fails_after_its_application_was_made_does_not_matter() -> None:
    assert confirm(Yarn(0), Client(1)).id == "application_1_1"


def test_past_the_deadline_the_client_is_ended_so_that_it_cannot_submit_later() -> None:
    client = Client(None)
    with pytest.raises(TimedOut, match="waited 30 s"):
        confirm(Yarn(99), client)
    assert client.ended


def test_an_rm_that_is_away_for_a_while_is_waited_for() -> None:
    assert confirm(Yarn(10, Unreachable("no RM")), Client(0)).id == "application_1_1"
    with pytest.raises(Unreachable):
        confirm(Yarn(99, Unreachable("no RM")), Client(1))


def test_the_last_meaningful_line_is_the_last_error_and_no_frame_of_its_trace() -> None:
    text = ("26/01/01 INFO Client: Requesting a new application\n"
            "Exception in thread \"main\" org.apache.hadoop.yarn.exceptions.YarnException: unknown queue: nope\n"
            "\tat org.apache.spark.deploy.yarn.Client.submit(Client.scala:1)\n"
            "26/01/01 INFO ShutdownHookManager: Shutdown hook called\n")
    assert submit.last_meaningful_line(text).endswith("unknown queue: nope")


def test_a_real_client_runs_in_a_session_of_its_own_and_leaves_its_words(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "spark-submit"
    program.write_text("#!/bin/sh\necho \"error: no such thing\"\nps -o sid= -p $$\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("HASHTIDE_HOME", str(tmp_path / "home"))
    cluster = config.Cluster("t", CLUSTER.hdfs, CLUSTER.yarn, config.Spark(str(program)), CLUSTER.airflow)
    client = submit.start(cluster, job(), "a-000001")
    assert client.process.wait(timeout=20) == 3
    assert client.last_words() == "error: no such thing"
    assert client.log.read_text().split()[-1] == str(client.process.pid)


def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHTIDE_HOME", str(tmp_path))
    with pytest.raises(BadUse, match="/opt/spark/bin/spark-submit: no such program"):
        submit.start(CLUSTER, job(), "a-000001")
