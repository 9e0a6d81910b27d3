"""The lab's layout, what it asks of a machine, and what is said where that is not there."""
from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy import cli
from deploy.errors import HashtideError
from deploy.lab import base, feed, layout, machine, rights


def test_hosts_have_names_addresses_and_identities_of_their_own() -> None:
    for of in ("name", "address", "namespace", "uuid"):
        assert len({getattr(host, of) for host in layout.HOSTS}) == 3


def test_the_network_is_made_inside_of_namespaces_alone() -> None:
    for command in layout.network():
        assert command[:2] == ["ip", "-n"] or command[:3] == ["ip", "netns", "add"]


def test_hosts_are_reached_by_ssh_from_inside_the_lab() -> None:
    command = layout.ssh(layout.HOSTS[1], Path("/lab"))
    assert command[:4] == ["ip", "netns", "exec", layout.LAB_NAMESPACE] and command[-1] == "root@10.77.0.12"


@pytest.mark.parametrize("sources", [
    "Types: deb\n# http://old.example.org/\nURIs: http://mirror.example.org/debian\nSuites: bookworm\n",
    "# deb http://old.example.org/debian\ndeb [signed-by=/key.gpg] http://mirror.example.org/debian bookworm main\n",
    "deb http://mirror.example.org/debian bookworm main\n"])
def test_the_mirror_is_that_of_the_machine(sources: str) -> None:
    assert base.mirror(sources) == "http://mirror.example.org/debian"


def test_without_a_mirror_it_is_said() -> None:
    with pytest.raises(HashtideError, match="apt has no source"):
        base.mirror("# nothing\n")


def test_capabilities_are_read_from_the_kernel() -> None:
    assert rights.effective("Name:\tx\nCapEff:\t0000000000201000\n") == 1 << 21 | 1 << 12
    assert rights.effective("") == 0


def test_what_is_missing_is_named_with_the_way_to_it(monkeypatch: pytest.MonkeyPatch,
                                                     capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(rights, "effective", lambda status: 1 << 12)
    monkeypatch.setattr(rights.shutil, "which", lambda name: None if name == "debootstrap" else f"/bin/{name}")
    assert cli.main(["lab", "up"]) == 1
    said = capsys.readouterr().err
    assert "CAP_SYS_ADMIN: this root is confined" in said and "debootstrap: apt-get install debootstrap" in said
    assert "CAP_NET_ADMIN" not in said


def test_who_is_not_root_is_told_that_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert [one.partition(":")[0] for one in rights.missing()] == ["root"]


def test_a_lab_that_is_not_there_is_stopped_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                        capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HASHTIDE_HOME", str(tmp_path))
    assert cli.main(["lab", "status"]) == 1
    assert capsys.readouterr().out.count("stopped") == 3
    assert cli.main(["lab", "ssh", "node1"]) == 2
    assert "node1 does not run: `deploy/hashtide lab up` starts it" in capsys.readouterr().err
    assert [machine.record(tmp_path / "lab", host) for host in layout.HOSTS] == [None] * 3


def test_secrets_of_the_lab_are_made_once_and_are_its_owners_alone(tmp_path: Path) -> None:
    made = feed.vault(tmp_path)
    assert feed.vault(tmp_path) == made and len(set(made.values())) == len(made) == 6
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert all(len(value) >= 32 for value in made.values())


def test_the_control_groups_of_a_host_go_and_no_others(tmp_path: Path) -> None:
    for name in ("cpu/lab-node1/system.slice/ssh.service", "cpu/lab-node2", "lab-node1", "cpu/other"):
        (tmp_path / name).mkdir(parents=True)
    machine.forget_groups(layout.HOSTS[0], tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "cpu", "cpu/lab-node2", "cpu/other"]


def test_deleting_needs_a_word_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lab", "down", "--delete"]) == 1
    assert "--yes does it" in capsys.readouterr().out
