"""The launcher's installation, on a machine whose programs only note down that they were called."""
from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy import cli
from tests.fakes.machine import INSTALL, Machine

ROOT = Path(__file__).parents[2]
LAUNCHER = ROOT / "deploy" / "hashtide"
ALL = "ensure packages airflow spark hadoop delta"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """With nothing installed."""
    return Machine(tmp_path)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    machine = Machine(tmp_path_factory.mktemp("installed"))
    done = machine.run(ALL)
    assert done.returncode == 0, done.stderr
    machine.calls()
    return machine


@pytest.fixture
def ready(installed: Machine, tmp_path: Path) -> Machine:
    """With everything installed, and nothing noted down."""
    return installed.copy(tmp_path / "copy")


def installs(calls: list[str]) -> list[str]:
    """The first words of what was called."""
    return [" ".join(call.split()[:2]) for call in calls]


@pytest.mark.parametrize("script", [LAUNCHER, INSTALL, ROOT / ".ci" / "run"], ids=lambda path: path.name)
def test_the_scripts_are_valid_bash(script: Path) -> None:
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed: apt-get install shellcheck")
def test_the_scripts_pass_shellcheck() -> None:
    done = subprocess.run(["shellcheck", "-x", "-P", str(ROOT), str(LAUNCHER)], capture_output=True, text=True,
                          cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout


# listing

def test_listing_names_everything_that_is_missing_with_the_way_to_get_it_and_changes_nothing(machine: Machine) -> None:
    done = machine.run("list_missing")
    assert done.returncode == 1
    for name in ("openjdk-17-jre-headless", "maven", "postgresql"):
        assert f"missing: Debian package {name}    apt-get install {name}" in done.stdout
    for what in ("environment airflow", "environment spark", "jars of hadoop", "jars of delta"):
        assert f"missing: {what}" in done.stdout
    assert machine.calls() == [] and not machine.home.exists()


def test_listing_says_so_where_nothing_is_missing(ready: Machine) -> None:
    before = ready.tree()
    done = ready.run("list_missing")
    assert (done.returncode, done.stdout) == (0, "Nothing is missing.\n")
    assert ready.tree() == before


# installing

def test_everything_is_installed_and_each_step_says_so_with_its_time(machine: Machine) -> None:
    done = machine.run(ALL)
    assert done.returncode == 0
    assert sorted(os.listdir(machine.home / "envs")) == ["airflow", "spark"]
    assert sorted(os.listdir(machine.home / "jars" / "hadoop")) == ["a.jar", "b.jar"]
    for step in ("installing Debian packages: openjdk-17-jre-headless maven postgresql", "installing uv",
                 "environment airflow is ready", "2 jars of delta are checked"):
        assert f" s] {step}" in done.stderr


def test_what_is_done_is_not_done_again_and_needs_no_network(ready: Machine) -> None:
    done = ready.run(ALL)
    assert (done.returncode, done.stderr) == (0, "") and ready.calls() == []


def test_only_the_packages_that_are_missing_are_asked_for(machine: Machine) -> None:
    machine.has("openjdk-17-jre-headless", "maven")
    machine.run("ensure packages")
    assert machine.calls()[-1].endswith("--no-install-recommends postgresql")


def test_what_only_tests_need_is_installed_by_itself(machine: Machine) -> None:
    assert machine.run("ensure test_packages test_packages").returncode == 0
    assert [call for call in machine.calls() if " install " in call] == [
        "apt-get install -q -y --no-install-recommends chromium"]


def test_a_server_that_only_tests_need_is_unpacked_and_never_installed(machine: Machine) -> None:
    assert machine.run("ensure prometheus prometheus").returncode == 0
    assert [call for call in machine.calls() if "update" not in call] == [
        "apt-get download -q prometheus", "dpkg-deb -x prometheus_1_all.deb ."]
    machine.mark("dpkg-deb.fails")
    assert machine.run("ensure prometheus").returncode == 0 and machine.calls() == []
    assert machine.run("unpack_prometheus").returncode == 1 and (machine.home / "prometheus").exists()


def test_maven_is_not_asked_for_where_the_jars_are_there(ready: Machine) -> None:
    (ready.place / "has.maven").unlink()
    assert ready.run("missing_packages").stdout == ""


def test_jars_for_s3_come_only_where_they_are_asked_for(ready: Machine) -> None:
    (ready.place / "has.maven").unlink()
    assert not (ready.home / "jars" / "s3").exists()
    assert ready.run("ensure s3 s3").returncode == 0
    assert (ready.home / "jars" / "s3" / "a.jar").exists()
    assert [call.split()[-1] for call in ready.calls() if " install " in call] == ["maven"], "nothing else is missing"


@pytest.mark.parametrize("lock,again", [
    ("requirements/spark.txt", ["uv pip"]), ("jars/delta.sha256", ["mvn -B"]), ("jars/pom.xml", ["mvn -B", "mvn -B"])])
def test_what_was_made_from_another_lock_is_made_again(ready: Machine, lock: str, again: list[str]) -> None:
    path = ready.repo / "deploy" / lock
    path.write_text(path.read_text().replace("==1", "==2").replace("<project/>", "<project></project>"))
    if lock.endswith("sha256"):
        (ready.place / "jars" / "a.jar").write_text("newer")
        ready.pin()
        (ready.repo / "deploy" / "jars" / "hadoop.sha256").write_text("")
        assert ready.run("ensure delta").returncode == 0
    else:
        assert ready.run(ALL).returncode == 0
    assert installs(ready.calls()) == again


@pytest.mark.parametrize("cut,step", [("uv.cut", "spark"), ("sync.cut", "spark"), ("mvn.cut", "hadoop")])
def test_a_step_that_was_cut_off_is_done_again(machine: Machine, cut: str, step: str) -> None:
    machine.mark(cut)
    assert machine.run(ALL).returncode == -9
    assert step in machine.run("list_missing").stdout
    machine.calls()
    assert machine.run(ALL).returncode == 0
    assert machine.run("list_missing").stdout == "Nothing is missing.\n"
    assert (machine.home / "envs" / "spark" / "pyvenv.cfg").exists()


def test_what_was_done_before_the_cut_is_kept(machine: Machine) -> None:
    machine.mark("mvn.cut")
    machine.run(ALL)
    machine.calls()
    machine.run(ALL)
    assert not [call for call in machine.calls() if call.startswith(("apt-get", "uv"))]


def test_an_environment_whose_making_was_cut_off_is_made_anew_and_not_filled(machine: Machine) -> None:
    machine.mark("uv.cut")
    machine.run("ensure spark")
    assert (machine.home / "envs" / "spark" / "bin" / "python").exists()
    machine.calls()
    machine.run("ensure spark")
    assert installs(machine.calls()) == ["uv venv", "uv pip"]


# refusing

def test_a_jar_that_is_not_the_pinned_one_is_refused_and_the_old_ones_stay(ready: Machine) -> None:
    (ready.place / "jars" / "a.jar").write_text("somebody else's")
    pom = ready.repo / "deploy" / "jars" / "pom.xml"
    pom.write_text("<project>2</project>")
    done = ready.run("ensure hadoop")
    assert done.returncode == 1
    assert "a jar of hadoop is not the one that deploy/jars/hadoop.sha256 names; nothing of it is used" in done.stderr
    assert (ready.home / "jars" / "hadoop" / "a.jar").read_text() == "a"


def test_a_jar_that_nobody_pinned_is_refused(machine: Machine) -> None:
    machine.has("maven")
    machine.pin("a")
    done = machine.run("ensure hadoop")
    assert done.returncode == 1 and "does not name; nothing of them is used" in done.stderr
    assert not (machine.home / "jars" / "hadoop").exists()


def test_without_disk_one_line_says_how_much_is_needed_and_nothing_is_begun(machine: Machine) -> None:
    machine.program("df", "printf 'h\\nfs 9000 8000 120 99%% /\\n'")
    done = machine.run(ALL)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "has 120 MB of free disk, 4000 MB are needed: make room, or set HASHTIDE_HOME" in done.stderr
    assert not [call for call in machine.calls() if not call.startswith("df")]


def test_a_home_that_cannot_be_made_is_named(machine: Machine) -> None:
    machine.home.write_text("a file")
    done = machine.run("ensure spark")
    assert (done.returncode, done.stderr) == (
        2, f"hashtide: HASHTIDE_HOME={machine.home} cannot be made: choose a directory you may write to\n")


def test_a_step_that_fails_shows_its_last_words_its_log_and_the_way_on(machine: Machine) -> None:
    machine.has("maven")
    machine.mark("mvn.fails")
    done = machine.run("ensure hadoop")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:][0] == "mvn: something is wrong"
    assert f"see {machine.home}/logs/install-jars-hadoop.log; run the same again to go on from here" in done.stderr
    (machine.place / "mvn.fails").unlink()
    assert machine.run("ensure hadoop").returncode == 0


def test_two_at_once_wait_for_each_other(machine: Machine) -> None:
    machine.home.mkdir()
    lock = machine.home / ".install.lock"
    with subprocess.Popen(["flock", "-o", str(lock), "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin and holder.stdout
        holder.stdin.write(b"held\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == b"held\n"
        # The one that waits ends the other, which is what it waits for.
        machine.program("flock", f'[ "$1" = -n ] || kill {holder.pid}\nexec /usr/bin/flock "$@"')
        done = machine.run("ensure spark")
    assert done.returncode == 0 and "another hashtide is installing" in done.stderr


# the launcher itself

def launch(home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(LAUNCHER), *args], env={**os.environ, "HASHTIDE_HOME": str(home)}, text=True,
                          capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("args,code,said", [
    (["upp"], 2, "hashtide: unknown verb 'upp'; `deploy/hashtide --help` shows how\n"),
    (["status"], 1, "deploy/hashtide up"), (["down"], 0, "Nothing is installed"),
    ([], 0, "up --no-install"), (["--help"], 0, "usage: hashtide VERB"),
    (["up", "--no-install"], 1, "missing: environment spark")])
def test_on_a_fresh_machine_nothing_is_installed_for(args: list[str], code: int, said: str, tmp_path: Path) -> None:
    done = launch(tmp_path / "home", *args)
    assert done.returncode == code and said in done.stdout + done.stderr
    assert not (tmp_path / "home").exists()


def test_the_launcher_knows_every_verb() -> None:
    action = next(a for a in cli.parser()._actions if isinstance(a, argparse._SubParsersAction))
    text = LAUNCHER.read_text()
    cases = [line.split(")")[0] for line in text.splitlines() if line.startswith("  ") and ")" in line]
    known = {word for case in cases for word in case.replace("|", " ").split()}
    assert set(action.choices) <= known
