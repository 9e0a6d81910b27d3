"""The stream on three hosts that an inventory made: triggered on their Airflow, run on their YARN, and whatever is lost
meanwhile, each tweet that the simulator sent is counted once. Each step goes on from the one before; the waits that a
reader of the counts saw are printed."""
from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ansible.conftest import ANSIBLE, ROOT
from tests.ansible.lab import (
    HOME,
    INSIDE,
    active,
    environment,
    grown,
    lab_with_the_application,
    manager,
    namenode,
    playbook,
    ssh,
    until,
    verb,
)
from tests.ansible.lab_stream import (
    LAYERED,
    await_commit,
    counted,
    now_ms,
)
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
from tests.ansible.test_lab import HOSTS, hdfs, ports, reached

_CODE = ("import http.client, sys; c = http.client.HTTPConnection('node3', 8080); c.request('GET', sys.argv[1]); "
         "print(c.getresponse().status)")

pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(scope="module", autouse=True)
def hosts() -> Iterator[None]:
    with lab_with_the_application("a stream on three hosts", "lab_application"):
        yield


def test_1_all_of_it_comes_from_nothing_and_a_second_run_changes_nothing(capsys: Said) -> None:
    playbook("site.yml", *LAYERED, "--check", "--diff")
    began = time.monotonic()
    killed_half_way("site.yml", *LAYERED)
    counts = playbook("site.yml", *LAYERED)
    took = time.monotonic() - began
    say(capsys, f"from nothing to verified, with a play that was killed half-way: {took:.0f} s")
    stays_as_it_is(counts, took, *LAYERED)


def test_2_each_listener_is_on_the_list_and_nobody_opens_airflow_without_a_login() -> None:
    listed = ports((ANSIBLE / "README.md").read_text())
    found = {int(port) for address, port in re.findall(
        r"^\S+\s+\S+\s+\S+\s+(\S+):(\d+)\s", ssh("node3", "ss -Hltn"), re.MULTILINE) if "127.0.0.1" not in address}
    assert {5432, 8080} <= found and {port for port in found if port < 32768} <= listed, found - listed
    assert reached(["ip"], "node3", found) == {22}
    for path in ("api/v2/dags", "api/v2/connections", "hashtide/", "hashtide/api/now", "hashtide/metrics"):
        assert ssh("node1", f'python3 -c "{_CODE}" /{path}').strip() == "401", path


def test_3_the_stream_is_triggered_on_its_airflow_and_counts(capsys: Said) -> None:
    triggered(capsys)
    until(counted, 120, "counts")


def test_4_the_active_namenode_is_killed(capsys: Said) -> None:
    with trial(capsys, "active NameNode killed", MASTER_LOST_S):
        killed(namenode, "hdfs-namenode")


def test_5_the_active_resourcemanager_is_killed(capsys: Said) -> None:
    with trial(capsys, "active ResourceManager killed", MASTER_LOST_S):
        killed(manager, "yarn-resourcemanager")


def test_6_the_power_of_the_host_with_both_is_cut(capsys: Said) -> None:
    lost = active(manager)
    if active(namenode) != lost:
        ssh(lost, f"runuser -u hdfs -- hdfs haadmin -failover {active(namenode)} {lost}")
    other = next(host for host in HOSTS[:2] if host != lost)
    try:
        with trial(capsys, "power of the host with both masters cut", HOST_LOST_S):
            verb("lab", "cut", lost)
            until(lambda: namenode(other) == "active" and manager(other) == "active", 60, f"{other} to be active")
            await_commit(now_ms(), 400)
    finally:
        verb("lab", "up")
    playbook("verify.yml", *LAYERED)


def test_7_all_is_restarted_one_by_one(capsys: Said) -> None:
    with trial(capsys, "rolling restart of everything", MASTER_LOST_S):
        playbook("rolling_restart.yml", *LAYERED)


@pytest.mark.parametrize("host", HOSTS)
def test_8_a_host_is_booted_anew(capsys: Said, host: str) -> None:
    before = ssh(host, "cat /proc/sys/kernel/random/boot_id; systemctl show -p UserspaceTimestampMonotonic")
    with trial(capsys, f"reboot of {host}", HOST_LOST_S):
        ssh(host, "systemd-run --on-active=1 systemctl reboot")
        until(lambda: booted(host) not in ("", before), 120, f"{host} to come back")
    playbook("verify.yml", *LAYERED)


def test_9_airflows_database_comes_back_from_a_backup(capsys: Said, tmp_path: Path) -> None:
    """What was made after the backup is gone, what was there before is there; the stream has not waited."""
    runs = "select count(*) from dag_run where dag_id = 'hashtag_stream'"
    before = database(runs)
    assert int(before) >= 1
    playbook("backup.yml", *LAYERED, "-e", f"backup_into={tmp_path}")
    database("insert into slot_pool (pool, slots, include_deferred) values ('later', 1, false)")
    database("delete from slot_pool where pool = 'yarn_batch'")
    with trial(capsys, "Airflow's database restored", MASTER_LOST_S):
        playbook("restore.yml", *LAYERED, "-e", f"restore_from={next(tmp_path.iterdir())}", "-e", "restore=postgresql",
                 "-e", "restore_yes=true")
    assert database("select pool from slot_pool where pool in ('later', 'yarn_batch')") == "yarn_batch"
    assert database(runs) == before
    playbook("verify.yml", *LAYERED)


def test_91_a_worker_comes_and_another_goes_under_load(capsys: Said, tmp_path: Path) -> None:
    """The one that goes runs the driver."""
    larger = grown(tmp_path)
    verb("lab", "up", "--spare")
    playbook("add_worker.yml", *LAYERED, "-e", "workers=node4", inventory=larger)
    leaving = driver_host()
    assert leaving in HOSTS
    with trial(capsys, f"worker {leaving}, which has the driver, decommissioned", HOST_LOST_S):
        playbook("decommission.yml", *LAYERED, "-e", f"workers={leaving}", "-e", "decommission_seconds=60",
                 inventory=larger)
    assert driver_host() not in ("", leaving)
    until(lambda: re.search(r"Under-replicated blocks:\s+0 ", fsck := hdfs("fsck /")) and "is HEALTHY" in fsck, 120,
          "no block to lack a replica")
    playbook("add_worker.yml", *LAYERED, "-e", f"workers={leaving}", inventory=larger)


def test_92_the_application_is_upgraded_and_gone_back_with(capsys: Said, tmp_path: Path) -> None:
    before, versions = release(), another_release(tmp_path)
    assert before in versions and len(versions) >= 2
    with trial(capsys, "the application upgraded", HOST_LOST_S):
        playbook("upgrade_application.yml", *LAYERED)
    assert release() in versions and release() != before
    with trial(capsys, "the application gone back with", HOST_LOST_S):
        playbook("upgrade_application.yml", *LAYERED, "-e", f"application_version={before}")
    assert release() == before


def test_93_a_support_bundle_has_every_host_and_no_secret(tmp_path: Path) -> None:
    texts = bundled(tmp_path, *LAYERED)
    assert all(any(host in name for name in texts) for host in HOSTS)
    secrets = json.loads((HOME / "lab/secrets.json").read_text())
    assert not [name for name, value in secrets.items() if any(value.encode() in text for text in texts.values())]


def test_99_each_tweet_that_was_sent_is_counted_once(capsys: Said) -> None:
    """Of all trials together."""
    all_is_counted_once(capsys)


def killed_half_way(name: str, *args: str) -> None:
    """kill -9 of the play and all that it had started here, once NameNodes run."""
    command = [*INSIDE, "ansible-playbook", "-i", "inventories/lab", name, *args]
    play = subprocess.Popen(command, cwd=ANSIBLE, env=environment(), stdin=subprocess.DEVNULL, start_new_session=True,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: namenode("node1") or play.poll() is not None, 600, "a NameNode")
        assert play.poll() is None, "the play ended before it was killed"
    finally:
        os.killpg(play.pid, signal.SIGKILL)
        play.wait()


def booted(host: str) -> str:
    try:
        return ssh(host, "cat /proc/sys/kernel/random/boot_id; systemctl show -p UserspaceTimestampMonotonic")
    except AssertionError:
        return ""


def release() -> str:
    """The version of the application that is used."""
    return ssh("node3", "readlink /opt/hashtide/current").strip().rpartition("application-")[2]


def another_release(directory: Path) -> list[str]:
    """A release that differs in nothing that matters, packed beside the one that is there; all versions."""
    copy = directory / "source"
    for name in ("deploy", "dags", "spark_apps"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.cfg", copy)
    with open(copy / "spark_apps/contract.py", "a") as source:
        source.write("# another release\n")
    done = subprocess.run([str(copy / "deploy/hashtide"), "artifacts"], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return list(json.loads((HOME / "artifacts/artifacts.json").read_text())["applications"])


def database(statement: str) -> str:
    return ssh("node3", "runuser -u postgres -- psql -X -q -A -t -h /var/lib/postgresql -d airflow -c "
               f"\"{statement}\"").strip()
