"""Three hosts that ask for tickets: who brings none comes to nothing, and the stream goes on while what it has ends."""
from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ansible.lab import HOME, active, lab_with_the_application, manager, namenode, playbook, ssh
from tests.ansible.lab_stream import KERBEROS, await_commit, drivers, now_ms
from tests.ansible.lab_trials import (
    HOST_LOST_S,
    MASTER_LOST_S,
    Said,
    all_is_counted_once,
    bundled,
    driver_host,
    killed,
    say,
    stays_as_it_is,
    trial,
    triggered,
)
from tests.ansible.test_lab import HOSTS

#: As inventories/lab_kerberos has it: after this long no delegation token can be renewed.
TOKENS_END_S = 180
_ZOOKEEPER = "org.apache.zookeeper.ZooKeeperMain -server node1:2181"
_SPARK = "/opt/hashtide/spark/lib/python3*/site-packages/pyspark/bin"
#: Of somebody on a host of the cluster, with no ticket and whatever name he likes.
_ANONYMOUS = """
import json, sys, urllib.error, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
for method, url, body in json.load(sys.stdin):
    asked = urllib.request.Request(url, method=method, data=None if body is None else body.encode(), headers={
        "Content-Type": "application/json", "Accept": "application/json"})
    try:
        print(opener.open(asked, timeout=20).status)
    except urllib.error.HTTPError as error:
        print(error.code)
"""

pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(scope="module", autouse=True)
def hosts() -> Iterator[None]:
    with lab_with_the_application("a stream on three hosts with Kerberos", "lab_kerberos"):
        yield


def nobody(host: str, command: str) -> str:
    """What a command says that must fail, of a user with no keytab who calls himself the application's."""
    return ssh(host, "cd /tmp; if sudo -u nobody env HOME=/tmp HADOOP_USER_NAME=hashtide "
                     f"{command} 2>&1; then echo it did; exit 9; fi")


def test_1_all_of_it_comes_from_nothing_and_a_second_run_changes_nothing(capsys: Said) -> None:
    playbook("site.yml", *KERBEROS, "--check", "--diff")
    began = time.monotonic()
    counts = playbook("site.yml", *KERBEROS)
    took = time.monotonic() - began
    say(capsys, f"from nothing to verified, with Kerberos: {took:.0f} s")
    stays_as_it_is(counts, took, *KERBEROS)


def test_2_the_stream_is_triggered_on_its_airflow_and_counts(capsys: Said) -> None:
    triggered(capsys)


@pytest.mark.parametrize("host", HOSTS)
def test_3_who_has_no_ticket_neither_submits_nor_kills_nor_reads(host: str) -> None:
    [app] = drivers()
    rm, landing = f"http://{active(manager)}:8088/ws/v1/cluster", "webhdfs/v1/hashtide/hashtags/landing"
    kill = json.dumps({"state": "KILLED"})
    asked = [["POST", f"{rm}/apps/new-application?user.name=hashtide", ""],
             ["POST", f"{rm}/apps?user.name=hashtide", json.dumps({"application-id": app})],
             ["PUT", f"{rm}/apps/{app}/state?user.name=hashtide", kill], ["GET", f"{rm}/apps?user.name=hashtide", None],
             *(["GET", f"http://{master}:9870/{landing}?op=LISTSTATUS&user.name=hashtide", None]
               for master in HOSTS[:2]),
             ["GET", f"http://{driver_host()}:8042/ws/v1/node/containers?user.name=hashtide", None]]
    said = ssh(host, f"cd /tmp; sudo -u nobody python3 -c '{_ANONYMOUS}'", json.dumps(asked)).split()
    assert said == ["401"] * len(asked)
    for command in (f"yarn application -kill {app}", "yarn application -list", "hdfs dfs -touchz /tmp/x",
                    "hdfs dfs -ls -R /hashtide/hashtags/landing", "hdfs dfs -cat '/hashtide/hashtags/landing/*/*'"):
        assert "Client cannot authenticate via:[TOKEN, KERBEROS]" in nobody(host, command), command
    # What is kept of elections and applications: who could delete it would end them at the next failover.
    said = nobody(host, f"java -cp '/opt/hashtide/hadoop/share/hadoop/common/lib/*' {_ZOOKEEPER} deleteall /rmstore")
    assert "Session closed because client failed to authenticate" in said
    assert "Permission denied" in nobody(host, "cat /etc/security/keytabs/yarn.keytab")
    assert drivers() == [app]


def test_4_nobody_submits_by_spark_either() -> None:
    before = drivers()
    ssh("node3", "touch /tmp/mine.py")
    said = nobody("node3", f"HADOOP_CONF_DIR=/etc/hadoop/conf {_SPARK}/spark-submit --master yarn "
                           "--deploy-mode cluster mine.py")
    assert "Client cannot authenticate via:[TOKEN, KERBEROS]" in said
    assert drivers() == before


def test_5_the_stream_outlives_its_tokens(capsys: Said) -> None:
    with trial(capsys, f"all tokens of the beginning ended, each within {TOKENS_END_S} s", MASTER_LOST_S):
        await_commit(now_ms() + (TOKENS_END_S + 60) * 1000, TOKENS_END_S + 180)


def test_6_masters_are_killed(capsys: Said) -> None:
    with trial(capsys, "active NameNode killed", MASTER_LOST_S):
        killed(namenode, "hdfs-namenode")
    with trial(capsys, "active ResourceManager killed", MASTER_LOST_S):
        killed(manager, "yarn-resourcemanager")


def test_7_the_driver_is_killed_when_the_tokens_of_its_submission_have_ended(capsys: Said) -> None:
    with trial(capsys, "driver killed", HOST_LOST_S):
        ssh(driver_host(), "pkill -KILL -f [o]rg.apache.spark.deploy.yarn.ApplicationMaster")


def test_8_all_is_restarted_one_by_one(capsys: Said) -> None:
    with trial(capsys, "rolling restart of everything", MASTER_LOST_S):
        playbook("rolling_restart.yml", *KERBEROS)
    playbook("verify.yml", *KERBEROS)


def test_91_a_support_bundle_has_the_answers_of_each_daemon_and_no_key(tmp_path: Path) -> None:
    texts = bundled(tmp_path, *KERBEROS)
    answers = {name: text for name, text in texts.items() if name.endswith(".json") and "/files/" not in name}
    refused = {name: text for name, text in answers.items() if text.startswith((b"HTTP 4", b"HTTP 5", b"no answer"))}
    assert len(answers) > 10 and not refused
    assert any(b'"haState":"ACTIVE"' in text for text in answers.values())
    # Also one that was taken as text would be none of these bytes any more.
    assert not [name for name in texts if name.endswith((".keytab", ".secret"))]
    keytabs = [path.read_bytes() for path in (HOME / "lab/keytabs").rglob("*.keytab")]
    assert keytabs and not [name for name, text in texts.items() if any(keytab in text for keytab in keytabs)]


def test_99_each_tweet_that_was_sent_is_counted_once(capsys: Said) -> None:
    all_is_counted_once(capsys)
