"""The upgrade of the application, run on this machine with a command line that answers as it is told to."""
from __future__ import annotations

import hashlib
import json
import os
import tarfile
from pathlib import Path

import pytest

from tests.ansible.conftest import playbook

#: Notes each call with the release that it is of; what the new release's calls do is in a file beside it.
COMMAND = """#!/usr/bin/python3
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent.parent
release = pathlib.Path(os.environ["PYTHONPATH"]).name[-1]
words = [word for word in sys.argv[4:] if word != "--json"]
with (here / "calls").open("a") as out:
    out.write(f"{release} {words[0]} {words[1]} {os.readlink(here / 'current')[-1]}\\n")
epoch = here / "epoch"
if words[1] == "submit":
    epoch.write_text(str(int(epoch.read_text()) + 1))
if words[1] == "status":
    print(json.dumps({"application": "application_1", "epoch": int(epoch.read_text()), "parked": {},
                      "commit_age_seconds": 1.0}))
elif words[1] == "check":
    print("what the new release says of the checkpoint")
sys.exit(1 if release == "2" and words[1] == (here / "fails").read_text() else 0)
"""
JUDGED = ["1 stream status 1", "1 checkpoint savepoint 1", "2 checkpoint check 1"]
GOES_ON = ["stream provision", "stream stop", "stream submit", "stream status"]

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="what is unpacked belongs to root, and this is another user")


def upgrade(top: Path, fails: str, wanted: int) -> tuple[list[str], str]:
    """The calls, each as `release verb current`, and what Ansible said."""
    (top / "application-1").mkdir()
    (top / "current").symlink_to(top / "application-1")
    (top / "bin").mkdir()
    for name, text in {"fails": fails, "epoch": "7", "bin/python": COMMAND}.items():
        (top / name).write_text(text)
    (top / "bin/python").chmod(0o755)
    (top / "release").mkdir()
    with tarfile.open(top / "new.tar.gz", "w:gz") as archive:
        archive.add(top / "release", "release")
    digest = hashlib.sha256((top / "new.tar.gz").read_bytes()).hexdigest()
    one = {"version": "2", "file": "new.tar.gz", "sha256": digest}
    empty = ("zookeeper", "hdfs_journalnode", "hdfs_namenode", "hdfs_datanode", "yarn_resourcemanager",
             "yarn_nodemanager", "airflow", "postgresql", "ingest")
    (top / "hosts.yml").write_text(json.dumps({"all": {"children": {
        "spark": {"hosts": {"here": {}}}, **{name: {"hosts": {}} for name in empty}}}}))
    given = {"ansible_connection": "local", "ansible_become": False, "cluster_name": "test", "spark_home": str(top),
             "application_home": str(top / "current"), "application_release": str(top / "application-2"),
             "upgrade_next": str(top / "next"), "archive_cache": str(top), "application_version": "9.9.9",
             "application_artifact": one, "artifact_url": top.as_uri(), "application_environment": {},
             "upgrade_commit_seconds": 5}
    done = playbook("-i", str(top / "hosts.yml"), "upgrade_application.yml", "-e", json.dumps(given), wanted=wanted)
    return (top / "calls").read_text().splitlines(), " ".join(done.stdout.split())


def test_streams_are_taken_to_the_new_release(tmp_path: Path) -> None:
    calls, said = upgrade(tmp_path, "", 0)
    assert calls == [*JUDGED, *(f"2 {verb} 2" for verb in GOES_ON)]
    assert "Took application-1 to application-2 on here" in said
    assert "with it: hashtags; savepoint before-9-9-9-" in said


def test_a_verdict_against_it_leaves_all_as_it_was(tmp_path: Path) -> None:
    calls, said = upgrade(tmp_path, "check", 2)
    assert calls == JUDGED and (tmp_path / "current").resolve().name == "application-1"
    assert "Nothing was changed" in said and "what the new release says of the checkpoint" in said


def test_a_failure_goes_back_to_the_old_release(tmp_path: Path) -> None:
    calls, said = upgrade(tmp_path, "submit", 2)
    assert calls == [*JUDGED, *(f"2 {verb} 2" for verb in GOES_ON[:3]), *(f"1 {verb} 1" for verb in GOES_ON)]
    assert "Rolled back" in said and "They go on from their checkpoint" in said
