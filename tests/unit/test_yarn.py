from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy import config, yarn
from deploy.errors import Unreachable
from tests.fakes.resourcemanager import ResourceManager, serving


@pytest.fixture
def rm() -> Iterator[ResourceManager]:
    with serving() as manager:
        yield manager


def client(*urls: str) -> yarn.Client:
    return yarn.Client(config.Cluster("t", config.Hdfs(), config.Yarn(resourcemanagers=urls), config.Spark(),
                                      config.Airflow()))


def test_applications_are_found_by_tag_and_state_oldest_first(rm: ResourceManager) -> None:
    second = rm.add(2, ["hashtide-a", "hashtide-a-e2"])
    first = rm.add(1, ["hashtide-a", "hashtide-a-e1"])
    rm.add(3, ["hashtide-b"])
    rm.add(4, ["hashtide-a"], state="FAILED")
    found = client(rm.url).apps(tag="hashtide-a", states=yarn.LIVE)
    assert [app.id for app in found] == [first, second]
    assert [app.epoch("a") for app in found] == [1, 2]


def test_no_application_is_an_empty_list(rm: ResourceManager) -> None:
    assert client(rm.url).apps(tag="hashtide-a") == []


def test_an_application_that_the_rm_has_forgotten_is_none(rm: ResourceManager) -> None:
    assert client(rm.url).app("application_1_0001") is None


def test_the_next_rm_is_asked_where_one_is_down_standby_or_starting(rm: ResourceManager) -> None:
    app = rm.add(1, [])
    with serving() as other:
        for mode in ("standby", "broken"):
            other.mode = mode
            found = client("http://127.0.0.1:9", other.url, rm.url).app(app)
            assert found is not None and found.state == "RUNNING"


def test_the_rm_that_answered_is_asked_first_the_next_time(rm: ResourceManager) -> None:
    asked = client("http://127.0.0.1:9", rm.url)
    asked.info()
    assert asked.urls[0] == rm.url


def test_a_stream_called_standby_makes_no_rm_a_standby(rm: ResourceManager) -> None:
    app = rm.add(1, ["hashtide-standby", "hashtide-standby-e1"], name="hashtide standby e1")
    assert [found.id for found in client(rm.url).apps(tag="hashtide-standby")] == [app]


def test_what_is_no_rm_is_passed_over_and_named(rm: ResourceManager) -> None:
    with serving() as page:
        page.mode = "page"
        app = rm.add(1, [])
        assert client(page.url, rm.url).app(app)
        with pytest.raises(Unreachable, match="answered 200 and no JSON"):
            client(page.url).info()


def test_no_rm_at_all_is_unknown_and_not_dead(rm: ResourceManager) -> None:
    rm.mode = "broken"
    with pytest.raises(Unreachable, match="unknown, not dead"):
        client("http://127.0.0.1:9", rm.url).apps(tag="hashtide-a")


def test_an_rm_that_has_come_back_and_not_yet_recovered_its_applications_says_nothing_of_them(
        rm: ResourceManager) -> None:
    rm.add(1, ["hashtide-a"])
    rm.mode = "recovering"
    with pytest.raises(Unreachable, match="is INITIALIZING and may not have recovered"):
        client(rm.url).apps(tag="hashtide-a")


def test_a_kill_is_asked_for_by_state(rm: ResourceManager) -> None:
    app = rm.add(1, [])
    client(rm.url).kill(app)
    assert rm.apps[app]["state"] == "KILLED"


def test_queues_are_found_below_the_root(rm: ResourceManager) -> None:
    assert {"root", "streaming", "batch"} <= set(client(rm.url).queues())


def test_an_application_whose_driver_said_its_end_is_dying() -> None:
    app = yarn.Application.of({"id": "application_1_1", "state": "RUNNING", "finalStatus": "SUCCEEDED"})
    assert app.live and app.dying
