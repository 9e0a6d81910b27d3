"""What trials of the stream on the lab's hosts do alike, with or without Kerberos; figures are printed as they come."""
from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ansible.lab import active, on, playbook, ssh, until
from tests.ansible.lab_stream import await_commit, differing, drivers, end_sending, hashtide, longest_gap, now_ms
from tests.ansible.test_lab import HOSTS

#: From nothing to verified with Airflow, on two cores that others use too.
CONVERGED_S = 900
#: What a reader of the counts may wait for the next commit.
MASTER_LOST_S, HOST_LOST_S = 60, 180

Said = pytest.CaptureFixture[str]


def say(said: Said, text: str) -> None:
    with said.disabled():
        print(f"\n{text}")


def stays_as_it_is(counts: dict[str, dict[str, int]], took: float, *inventories: str) -> None:
    """What a play has made in so many seconds: a second one changes nothing, nor would a third."""
    assert set(counts) == set(HOSTS) and took <= CONVERGED_S
    again = playbook("site.yml", *inventories)
    assert {host: one["changed"] for host, one in again.items()} == dict.fromkeys(HOSTS, 0)
    assert not sum(one["changed"] for one in playbook("site.yml", *inventories, "--check", "--diff").values())


def triggered(said: Said) -> None:
    """The stream, on the lab's Airflow, until it has committed."""
    began = now_ms()
    hashtide("stream submit")
    first = await_commit(began, 400)[0]
    say(said, f"from the trigger to the first commit: {(first - began) / 1000:.0f} s")
    assert len(drivers()) == 1


@contextmanager
def trial(said: Said, what: str, bound_s: float) -> Iterator[None]:
    """Something is done to the cluster; the stream goes on, and the longest wait for a commit stays in bounds."""
    began = await_commit(now_ms())[-1]
    yield
    ended = now_ms()
    gap = longest_gap(await_commit(ended), began, ended)
    say(said, f"{what}: at most {gap:.1f} s between two commits")
    assert gap <= bound_s
    assert len(drivers()) == 1


def killed(state: Callable[[str], str], unit: str) -> None:
    first = active(state)
    other = next(host for host in HOSTS[:2] if host != first)
    until(lambda: state(other) == "standby", 90, f"a standby beside {unit} of {first}")
    ssh(first, f"systemctl kill -s KILL {unit}")
    until(lambda: state(other) == "active", 60, f"{unit} on {other} to be active")
    until(lambda: state(first) == "standby", 90, f"systemd to have started {unit} on {first} again")


def driver_host() -> str:
    """Where YARN has the driver; it tells its owner alone."""
    [app] = drivers()
    answers = [on(host, f"8088/ws/v1/cluster/apps/{app}?user.name=hashtide") for host in HOSTS[:2]]
    found = next((one["app"] for one in answers if one), {})
    return str(found.get("amHostHttpAddress", "")).partition(":")[0]


def bundled(into: Path, *inventories: str) -> dict[str, bytes]:
    """What is in a support bundle, by name."""
    playbook("support_bundle.yml", *inventories, "-e", f"bundle_into={into}")
    [bundle] = into.rglob("*.tar.gz")
    with tarfile.open(bundle) as archive:
        return {entry.name: file.read() for entry in archive if (file := archive.extractfile(entry))}


def all_is_counted_once(said: Said) -> None:
    """The simulator ends, and of what it has sent nothing is missing or twice."""
    end_sending()
    compared, rows = differing()
    say(said, compared)
    assert not rows, rows[:10]
