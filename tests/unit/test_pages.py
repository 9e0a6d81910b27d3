"""Addresses of an application, its logs and its checkpoint, whatever is in their parts."""
from __future__ import annotations

from dataclasses import replace

import pytest

from deploy import pages
from deploy.yarn import Application
from tests.fakes.world import CLUSTER

APP = Application("application_1_0001", "RUNNING",
                  am_container_logs="http://127.0.0.1:8042/node/containerlogs/container_1_0001_02_000001/hashtide")


def test_each_leads_to_the_clusters_own_pages() -> None:
    assert pages.of(CLUSTER, "a", APP, 12) == {
        "page": "http://rm:3/cluster/app/application_1_0001", "spark_ui": "http://rm:3/proxy/application_1_0001/",
        "logs": APP.am_container_logs, "checkpoint": "http://nn:2/explorer.html#/hashtide/streams/a/checkpoint/g0012"}


def test_before_there_is_a_container_the_logs_are_on_the_applications_page() -> None:
    found = pages.of(CLUSTER, "a", replace(APP, am_container_logs=""))
    assert found["logs"] == found["page"]
    assert found["checkpoint"].endswith("/streams/a/checkpoint")


@pytest.mark.parametrize("hostile", ["javascript:alert(1)", "//evil", "data:text/html,x", "file:///etc/passwd", "x"])
def test_what_is_no_page_is_no_link(hostile: str) -> None:
    assert pages.logs(replace(APP, am_container_logs=hostile)) == ""


def test_parts_are_escaped() -> None:
    bad = replace(APP, id='a"><script>', am_container_logs='http://nm:1/x/"><script> a?b#c')
    found = pages.of(CLUSTER, "a", bad, 1)
    assert not {'"', "<", ">", " "} & set("".join(found.values()))
