"""The archive that hosts install: from the pinned jars, the same bytes each time, with a manifest that is true."""
from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from deploy import archives, artifacts
from deploy.errors import BadUse


@pytest.fixture
def home(tmp_path: Path) -> Path:
    jars = tmp_path / "home" / "jars" / "hadoop"
    jars.mkdir(parents=True)
    for name in ("b.jar", "a.jar"):
        (jars / name).write_text(name)
    return tmp_path / "home"


def test_the_manifest_names_version_file_and_checksum(home: Path, tmp_path: Path) -> None:
    made = artifacts.build(home, tmp_path / "out", artifacts.HADOOP)["hadoop"]
    assert made["version"] == artifacts.hadoop_version() and made["file"] == f"hadoop-{made['version']}.tar.gz"
    archive = tmp_path / "out" / made["file"]
    assert made["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert json.loads((tmp_path / "out" / "artifacts.json").read_text()) == {"hadoop": made}
    with tarfile.open(archive) as found:
        assert [entry.name.partition("/")[2] for entry in found] == [
            "bin/hdfs", "bin/yarn", "share/hadoop/common/lib/a.jar", "share/hadoop/common/lib/b.jar"]
        assert {entry.name.partition("/")[0] for entry in found} == {f"hadoop-{made['version']}"}


def test_the_same_jars_give_the_same_bytes(home: Path, tmp_path: Path) -> None:
    first = artifacts.build(home, tmp_path / "one", artifacts.HADOOP)
    for jar in (home / "jars" / "hadoop").iterdir():
        os.utime(jar, (1, 1))
    assert artifacts.build(home, tmp_path / "two", artifacts.HADOOP) == first


def test_what_is_there_and_whole_is_kept_and_what_is_not_is_made_again(home: Path, tmp_path: Path) -> None:
    made = artifacts.build(home, tmp_path / "out", artifacts.HADOOP)
    archive = tmp_path / "out" / made["hadoop"]["file"]
    before = archive.stat().st_mtime_ns
    assert artifacts.build(home, tmp_path / "out", artifacts.HADOOP) == made and archive.stat().st_mtime_ns == before
    archive.write_bytes(archive.read_bytes()[:-1])
    assert artifacts.build(home, tmp_path / "out", artifacts.HADOOP) == made
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == made["hadoop"]["sha256"]


def test_without_jars_the_way_to_them_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadUse, match="no Hadoop jars in .*: run `deploy/hashtide"):
        artifacts.build(tmp_path, tmp_path / "out", artifacts.HADOOP)


# the launcher that is packed

@pytest.fixture
def hadoop(home: Path, tmp_path: Path) -> Path:
    """Unpacked, with a Java that only says how it was called."""
    made = artifacts.build(home, tmp_path / "out", artifacts.HADOOP)["hadoop"]
    with tarfile.open(tmp_path / "out" / made["file"]) as archive:
        archive.extractall(tmp_path, filter="data")
    java = tmp_path / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    java.chmod(0o755)
    return tmp_path / f"hadoop-{made['version']}"


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


# what hosts that submit install

def test_an_environment_runs_where_it_is_unpacked_and_has_no_tests(tmp_path: Path) -> None:
    packages = tmp_path / "env" / "lib" / "python3.11" / "site-packages"
    for name in ("kept/__init__.py", "pytest/__init__.py", "pyspark/bin/spark-submit"):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_text("print('here')\n")
    (packages / "pyspark/bin/spark-submit").chmod(0o755)
    about = packages / "pytest-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Name: pytest\nVersion: 1\n")
    (about / "RECORD").write_text("pytest/__init__.py,,\npytest-1.dist-info/METADATA,,\n")
    jar = tmp_path / "delta.jar"
    jar.write_text("jar")
    archives.tar(tmp_path / "env.tar.gz", "spark-1", archives.environment(tmp_path / "env", [jar]))
    with tarfile.open(tmp_path / "env.tar.gz") as archive:
        found = {entry.name.removeprefix("spark-1/"): entry for entry in archive}
    own = "lib/python3.11/site-packages"
    assert set(found) == {"pyvenv.cfg", "bin/python", f"{own}/kept/__init__.py", f"{own}/pyspark/bin/spark-submit",
                          f"{own}/pyspark/jars/delta.jar"}
    assert found["bin/python"].linkname == "/usr/bin/python3.11"
    assert found[f"{own}/pyspark/bin/spark-submit"].mode == 0o755


def test_nodes_get_what_jobs_import_with_all_that_it_requires_and_nothing_else(tmp_path: Path) -> None:
    packages = tmp_path / "env" / "lib" / "python3.11" / "site-packages"
    for name, requires in (("pandas", ("numpy>=1.26", "python-dateutil", "lxml>=4; extra == 'xml'")), ("numpy", ()),
                           ("python_dateutil", ("six >=1.5",)), ("six", ()), ("lxml", ()), ("duckdb", ())):
        (packages / name).mkdir(parents=True)
        (packages / name / "__init__.py").write_text("")
        about = packages / f"{name}-1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("\n".join([f"Name: {name}", "Version: 1", *(f"Requires-Dist: {one}" for one in
                                                                                   requires)]) + "\n")
        (about / "RECORD").write_text(f"{name}/__init__.py,,\n{name}-1.dist-info/METADATA,,\n")
    names = [entry.name for entry in archives.environment(tmp_path / "env", only=["pandas"])]
    assert {name.split("/")[3] for name in names if name.endswith("__init__.py")} == {
        "pandas", "numpy", "python_dateutil", "six"}


def test_earlier_applications_stay_in_the_manifest(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    first = artifacts.build(home, target, ["application"])["application"]
    with tarfile.open(target / first["file"]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"deploy/hashtide", "dags/hashtag_stream.py", "spark_apps/contract.py", "setup.cfg"} <= names
    assert not [name for name in names if name.startswith("tests") or "__pycache__" in name]
    monkeypatch.setattr(archives, "application", lambda source: [archives.Entry("deploy/x.py", b"1")])
    second = artifacts.build(home, target, ["application"])["application"]
    known = artifacts.read(target)
    assert known["application"] == second and set(known["applications"]) == {first["version"], second["version"]}
    assert all((target / one["file"]).is_file() for one in known["applications"].values())
