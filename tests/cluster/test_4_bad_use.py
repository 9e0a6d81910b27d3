"""What goes wrong says so in one line, names the thing and the way out, and loses nothing."""
from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.errors import HashtideError
from deploy.local import hadoop
from tests.cluster.laptop import Laptop, Said
from tests.cluster.waiting import until


def refused(said: Said, code: int, *parts: str) -> None:
    assert said.code == code, said.text
    lines = said.err.strip().splitlines()
    assert len(lines) == 1, said.text
    assert "Traceback" not in said.text
    for part in parts:
        assert part in lines[0]


def dfsadmin(machine: Laptop, *words: str) -> None:
    instance = machine.instance
    command = hadoop.java(instance, "dfsadmin", "org.apache.hadoop.hdfs.tools.DFSAdmin", *words)
    subprocess.run(command, env=instance.environment(HADOOP_CONF_DIR=str(instance.conf)), check=True,
                   capture_output=True, timeout=60)


@contextmanager
def safe_mode(machine: Laptop) -> Iterator[None]:
    dfsadmin(machine, "-safemode", "enter")
    try:
        yield
    finally:
        dfsadmin(machine, "-safemode", "leave")


def test_an_unknown_verb(machine: Laptop, up: Said) -> None:
    refused(machine.hashtide("frobnicate"), 2, "frobnicate", "--help")


def test_a_busy_port_names_the_setting_that_moves_it(machine: Laptop, up: Said, tmp_path: Path) -> None:
    other = Laptop(tmp_path / "home", machine.ports)
    other.home.mkdir()
    for name in ("envs", "jars", "stamps", "tools"):
        (other.home / name).symlink_to(machine.home / name)
    said = other.hashtide("up", "--no-stream")
    refused(said, 2, f"port {machine.ports.namenode} is taken", "HASHTIDE_PORT_NAMENODE=PORT")
    assert other.hashtide("down").code == 0


def test_hdfs_in_safe_mode(machine: Laptop, up: Said) -> None:
    with safe_mode(machine):
        refused(machine.hashtide("stream", "provision", "--stream", "other"), 3, "safe mode", "-safemode leave")
    until(lambda: machine.hashtide("stream", "provision", "--stream", "other").code == 0, 60, "writes to work again")


def test_an_address_where_nobody_answers(machine: Laptop, up: Said, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    text = Path(machine.cluster.path).read_text().replace(str(machine.ports.namenode_web), str(port))
    (tmp_path / "elsewhere.ini").write_text(text)
    refused(machine.hashtide("stream", "provision", "--cluster", str(tmp_path / "elsewhere.ini")), 3, str(port))


def test_a_wrong_token_is_the_platforms_401(machine: Laptop, up: Said, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("f7e6d5c4b3a2\n")
    instance = machine.instance
    from deploy.local import cluster, feed
    from deploy.local.service import start_all
    cluster.stop(instance, ["ingest-exact", "simulator"])
    with instance.locked():
        start_all(instance, [feed.simulator(instance, rate=1)], lambda text: None)
    said = subprocess.run(
        [str(instance.python("spark")), "-P", "-m", "spark_apps.ingest", "run", "--stream", "other", "--webhdfs",
         instance.url("namenode_web"), "--user", instance.user, "--spool", str(tmp_path / "spool"), "--source",
         "simulator", "--url", instance.url("simulator"), "--token-file", str(tmp_path / "token")],
        env=instance.environment(), capture_output=True, text=True, timeout=60, check=False)
    cluster.stop(instance, ["simulator"])
    assert said.returncode == 1, said.stderr
    assert "401" in said.stderr.strip().splitlines()[-1]
    assert "token" in said.stderr.strip().splitlines()[-1]
    assert "Traceback" not in said.stderr
    assert "f7e6d5c4b3a2" not in said.stderr


def test_a_dag_parameter_out_of_range_is_refused_by_the_form(machine: Laptop, up: Said) -> None:
    before = len(machine.airflow.runs("hashtag_stream"))
    with pytest.raises(HashtideError, match=r"400.*trigger_seconds"):
        machine.airflow.trigger("hashtag_stream", {"stream": "other", "trigger_seconds": 0})
    assert len(machine.airflow.runs("hashtag_stream")) == before


def test_a_stream_that_was_never_provisioned(machine: Laptop, up: Said) -> None:
    refused(machine.hashtide("stream", "submit", "--stream", "nowhere"), 2, "nowhere", "stream provision")
