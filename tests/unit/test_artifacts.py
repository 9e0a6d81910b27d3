"""The archive that hosts install: from the pinned jars, the same bytes each time, with a manifest that is true."""
from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from deploy import artifacts
from deploy.errors import BadUse


@pytest.fixture
def home(tmp_path: Path) -> Path:
    jars = tmp_path / "home" / "jars" / "hadoop"
    jars.mkdir(parents=True)
    for name in ("b.jar", "a.jar"):
        (jars / name).write_text(name)
    return tmp_path / "home"


def test_the_manifest_names_version_file_and_checksum(home: Path, tmp_path: Path) -> None:
    made = artifacts.build(home, tmp_path / "out")["hadoop"]
    assert made["version"] == artifacts.hadoop_version() and made["file"] == f"hadoop-{made['version']}.tar.gz"
    archive = tmp_path / "out" / made["file"]
    assert made["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert json.loads((tmp_path / "out" / "artifacts.json").read_text()) == {"hadoop": made}
    with tarfile.open(archive) as found:
        assert [entry.name.partition("/")[2] for entry in found] == [
            "bin/hdfs", "bin/yarn", "share/hadoop/common/lib/a.jar", "share/hadoop/common/lib/b.jar"]
        assert {entry.name.partition("/")[0] for entry in found} == {made["directory"]}


def test_the_same_jars_give_the_same_bytes(home: Path, tmp_path: Path) -> None:
    first = artifacts.build(home, tmp_path / "one")
    for jar in (home / "jars" / "hadoop").iterdir():
        os.utime(jar, (1, 1))
    assert artifacts.build(home, tmp_path / "two") == first


def test_what_is_there_and_whole_is_kept_and_what_is_not_is_made_again(home: Path, tmp_path: Path) -> None:
    made = artifacts.build(home, tmp_path / "out")
    archive = tmp_path / "out" / made["hadoop"]["file"]
    before = archive.stat().st_mtime_ns
    assert artifacts.build(home, tmp_path / "out") == made and archive.stat().st_mtime_ns == before
    archive.write_bytes(archive.read_bytes()[:-1])
    assert artifacts.build(home, tmp_path / "out") == made
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == made["hadoop"]["sha256"]


def test_without_jars_the_way_to_them_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadUse, match="no Hadoop jars in .*: run `deploy/hashtide"):
        artifacts.build(tmp_path, tmp_path / "out")


# the launcher that is packed

@pytest.fixture
def hadoop(home: Path, tmp_path: Path) -> Path:
    """Unpacked, with a Java that only says how it was called."""
    made = artifacts.build(home, tmp_path / "out")["hadoop"]
    with tarfile.open(tmp_path / "out" / made["file"]) as archive:
        archive.extractall(tmp_path, filter="data")
    java = tmp_path / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    java.chmod(0o755)
    return tmp_path / made["directory"]


def call(hadoop: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([hadoop / "bin" / words[0], *words[1:]], capture_output=True, text=True, check=False,
                          env={"PATH": os.environ["PATH"], "JAVA_HOME": str(hadoop.parent / "java"), **environment})


def test_a_daemon_gets_its_own_options_and_a_command_those_of_clients(hadoop: Path) -> None:
    given = {"HDFS_NAMENODE_OPTS": "-Xmx7m -Da=b", "HADOOP_CLIENT_OPTS": "-Xmx5m"}
    daemon = call(hadoop, "hdfs", "namenode", "-format", **given).stdout.split("\n")
    assert daemon[:2] == ["-Xmx7m", "-Da=b"] and daemon[-3:-1] == [
        "org.apache.hadoop.hdfs.server.namenode.NameNode", "-format"]
    command = call(hadoop, "hdfs", "dfs", "-ls", "/a b", **given).stdout.split("\n")
    assert command[0] == "-Xmx5m" and command[-3:-1] == ["-ls", "/a b"]


def test_hadoop_env_of_the_configuration_is_read(hadoop: Path, tmp_path: Path) -> None:
    (tmp_path / "hadoop-env.sh").write_text('export HADOOP_OPTS="-Dfrom=env"\n')
    said = call(hadoop, "yarn", "nodemanager", HADOOP_CONF_DIR=str(tmp_path)).stdout.split("\n")
    assert said[0] == "-Dfrom=env" and f"{tmp_path}:{hadoop}/share/hadoop/common/lib/*" in said


@pytest.mark.parametrize("words", [("hdfs", "nodemanager"), ("yarn", "namenode"), ("hdfs",), ("yarn", "jar")])
def test_a_word_it_does_not_know_is_refused(hadoop: Path, words: tuple[str, ...]) -> None:
    done = call(hadoop, *words)
    assert done.returncode == 2 and "the distribution of Hadoop has all of them" in done.stderr
