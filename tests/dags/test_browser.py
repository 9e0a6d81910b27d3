"""The page as a person meets it: in Debian's Chromium, served by Airflow over the fakes."""
from __future__ import annotations

import gzip
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
import requests
from playwright.sync_api import Browser, expect

from deploy.airflow import tools
from deploy.airflow.page import plugin
from tests.browser import AXE, Watched, chromium, signed, watched
from tests.fakes.page import DRIFTING, ERROR, HOSTILE, PATHS, STREAM, Page, filled
from tests.fakes.sockets import free_port, until

ROOT = Path(__file__).parents[2]
PICTURE, LOOK = ROOT / "docs" / "page.png", ROOT / "deploy" / "airflow" / "page" / "static" / "page.css"
#: Size and what it says of itself stand in the first bytes of a picture.
SIGNED = 120
TAGS = ("Sunset", "WorldCup", "Python", "breakingnews", "caturday", "NowPlaying", "München", "Αθήνα", "Vote2026",
        "coffee", "AI", "OpenData", "photography", "F1", "Eurovision")
HOUR_MS = 3_600_000
#: A quarter past nine in the morning: of the night there is a restart at 03:12, and the hour of 01:00 drifts.
NOW = 1_800_001_800_000 - 1_800_001_800_000 % HOUR_MS + 72 * 60_000
DRIFTED = NOW - NOW % HOUR_MS - DRIFTING * HOUR_MS
VIEWS = {"now": "Top tags", "health": "Health", "hours": "Hours", "history": "History", "checkpoints": "Checkpoints",
         "cost": "Cost", "tag": "#tag1", "hour": "Hours", "restore": "Checkpoints"}
ADDRESSES = {"tag": "tag?tag=tag1&", "hour": f"hours?hour={DRIFTED}&", "restore": "checkpoints?point=before-upgrade&"}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return filled(tmp_path_factory.mktemp("page"), lambda: NOW, hours=13, tags=12)


@pytest.fixture(scope="module")
def base(database: None, day: Page) -> Iterator[str]:
    """Where Airflow serves the page over `day`."""
    import uvicorn
    from airflow.api_fastapi.app import create_app, purge_cached_app

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tools, "launcher", day.launcher)
        plugin._application.cache_clear()
        purge_cached_app()
        port = free_port()
        server = uvicorn.Server(uvicorn.Config(create_app(), host="127.0.0.1", port=port, log_level="warning"))
        serving = threading.Thread(target=server.run, daemon=True)
        serving.start()
        until(lambda: server.started or not serving.is_alive(), "Airflow's app to start", 120)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        serving.join(30)
        plugin._application.cache_clear()
        purge_cached_app()


@pytest.fixture(scope="module")
def browser(base: str) -> Iterator[Browser]:
    with chromium() as made:
        yield made


def token(base: str, user: str = "admin") -> str:
    return str(requests.post(f"{base}/auth/token", json={"username": user, "password": user},
                             timeout=30).json()["access_token"])


@pytest.fixture
def seen(browser: Browser, base: str) -> Iterator[Watched]:
    with watched(browser, base, token(base)) as made:
        yield made
        made.check()


def show(seen: Watched, view: str, heading: str | None = None) -> None:
    """Until its heading and the line above it stand there."""
    address = ADDRESSES.get(view, f"{view}?")
    seen.page.goto(f"{seen.base}/hashtide/#{address}stream={STREAM}")
    expect(seen.page.locator("main h2")).to_have_text(heading or VIEWS[view])
    expect(seen.page.locator("#summary")).to_contain_text("It runs")


@pytest.mark.parametrize("dark,width", [(False, 1200), (True, 360)], ids=["light", "dark and narrow"])
def test_every_view_loads_fits_and_can_be_used_by_everybody(browser: Browser, base: str, dark: bool,
                                                            width: int) -> None:
    with watched(browser, base, token(base), dark=dark, width=width) as seen:
        for view in VIEWS:
            show(seen, view)
            assert seen.page.locator("html").get_attribute("data-theme") == ("dark" if dark else "light")
            assert (view, seen.overflow(), seen.axe()) == (view, 0, [])
            seen.check()


def test_all_that_can_be_used_is_reached_by_keyboard_and_seen_to_be(seen: Watched) -> None:
    for view in ("now", "hour"):
        show(seen, view)
        usable = "a[href], button:not([disabled]), input, select, summary, [tabindex='0']"
        wanted = seen.page.locator(usable).count()
        found: set[int] = set()
        for _ in range(2 * wanted):
            seen.page.keyboard.press("Tab")
            at, outline = seen.page.evaluate("""(usable) => [[...document.querySelectorAll(usable)].indexOf(document
                .activeElement), getComputedStyle(document.activeElement).outlineStyle]""", usable)
            if at >= 0:
                assert outline != "none", at
                found.add(at)
            if len(found) == wanted:
                break
        assert len(found) == wanted, view


def test_a_form_is_opened_filled_in_sent_and_closed_by_keyboard_alone(seen: Watched) -> None:
    sent: list[dict[str, Any]] = []

    def trigger(route: Any) -> None:
        sent.append(json.loads(route.request.post_data))
        route.fulfill(json={"dag_run_id": "manual__1"})
    seen.page.route("**/api/v2/dags/hashtag_backfill/dagRuns", trigger)
    seen.page.route("**/api/v2/dags/hashtag_backfill", lambda route: route.fulfill(json={"is_paused": False}))
    show(seen, "hour")
    button = seen.page.get_by_role("button", name="Rebuild this hour")
    button.focus()
    seen.page.keyboard.press("Enter")
    dialog = seen.page.get_by_role("dialog", name="Rebuild this hour")
    expect(dialog).to_be_visible()
    assert seen.axe("dialog") == []
    dialog.get_by_role("button", name="Trigger").focus()
    seen.page.keyboard.press("Enter")
    expect(dialog.get_by_role("status")).to_contain_text("Triggered: manual__1")
    hour = time.strftime("%Y-%m-%dT%H", time.gmtime(DRIFTED / 1000))
    assert sent == [{"logical_date": None, "conf": {"stream": STREAM, "from": hour, "to": hour}}]
    seen.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()


@pytest.mark.parametrize("way", ["by the line above each view", "by the time"])
def test_why_it_was_restarted_at_12_past_3_is_on_the_screen_after_one_click(seen: Watched, way: str) -> None:
    show(seen, "now")
    if way == "by the time":
        seen.page.get_by_role("link", name="History", exact=True).click()
        seen.page.get_by_role("searchbox", name="Find by time or word").fill("03:12")
        expect(seen.page.get_by_role("status")).to_have_text("2 within 15 minutes of it")
    else:
        seen.page.locator("#summary").get_by_role("link", name="2 restarts that nobody asked for").click()
    event = seen.page.get_by_role("list", name="Events").get_by_role("listitem").filter(has_text="03:12:00")
    for words in ("Restarted, because its driver failed", ERROR):
        expect(event.get_by_text(words)).to_be_in_viewport(ratio=1)
    expect(seen.page.get_by_text("All times are UTC")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("clicks", [("link", "01:00 drifting"), ("link", "Hours", "button", "01:00: drifting")],
                         ids=["by the line above each view", "by the calendar"])
def test_how_an_hour_is_rebuilt_is_on_the_screen_after_three_clicks_at_most(seen: Watched,
                                                                            clicks: tuple[str, ...]) -> None:
    seen.page.route("**/api/v2/dags/hashtag_backfill", lambda route: route.fulfill(json={"is_paused": False}))
    show(seen, "now")
    for role, name in (*zip(clicks[::2], clicks[1::2], strict=True), ("button", "Rebuild this hour")):
        button = seen.page.get_by_role(role, name=name, exact=name == "Hours")  # type: ignore[arg-type]
        expect(button).to_be_in_viewport(ratio=1)
        button.click()
    expect(seen.page.locator("main .verdict")).to_contain_text("1 row differs between stream and seal")
    dialog = seen.page.get_by_role("dialog", name="Rebuild this hour")
    for words in ("Counts these hours anew from all that landed, and makes that final", "Trigger"):
        expect(dialog.get_by_text(words)).to_be_in_viewport(ratio=1)
    for name in ("from", "to"):
        expect(dialog.get_by_label(name, exact=True)).to_have_value("2027-01-15T01")


def test_until_another_view_is_read_the_one_before_looks_past(seen: Watched) -> None:
    show(seen, "now")
    held: list[Any] = []
    seen.page.route("**/hashtide/api/history?*", lambda route: held.append(route))
    seen.page.get_by_role("link", name="History", exact=True).click()
    until(lambda: held or seen.page.wait_for_timeout(10), "the view to be asked for")
    assert float(seen.page.locator("main").evaluate("(one) => getComputedStyle(one).opacity")) < 0.5
    held[0].abort()
    expect(seen.page.get_by_role("alert")).to_contain_text("Airflow does not answer")
    expect(seen.page.locator("main")).to_have_text("History")
    assert float(seen.page.locator("main").evaluate("(one) => getComputedStyle(one).opacity")) == 1
    seen.bad.clear()   # that a request failed stands in the console


def test_tags_that_mean_harm_are_words_and_no_more(seen: Watched) -> None:
    show(seen, "now")
    scripts = seen.page.locator("script").count()
    for tag in HOSTILE:
        row = seen.page.locator("main tbody tr").filter(has=seen.page.locator(f"a[href*='tag={quoted(tag)}&'],"
                                                                              f"a[href$='tag={quoted(tag)}']"))
        box, whole = row.locator(".tag").bounding_box(), row.bounding_box()
        assert box and whole and box["height"] <= whole["height"] < 80 and box["width"] < 600, tag[:20]
    for tag in HOSTILE:
        seen.page.goto(f"{seen.base}/hashtide/#tag?stream={STREAM}&hours=3&tag={quoted(tag)}")
        words = tag.replace("\u202e", r"\u{202e}").replace("\x1b", r"\u{1b}")
        expect(seen.page.locator("main h2 .tag")).to_have_text(f"#{words}")
        assert seen.overflow() == 0 and seen.page.locator("main img, main script").count() == 0
    assert seen.page.locator("script").count() == scripts


def quoted(tag: str) -> str:
    """A key, as URLSearchParams writes it."""
    return quote_plus(tag.casefold(), safe="*")


def test_a_viewer_sees_all_and_is_told_what_is_not_for_them(browser: Browser, base: str) -> None:
    with watched(browser, base, token(base, "eve")) as seen:
        show(seen, "hour")
        button = seen.page.get_by_role("button", name="Rebuild this hour (needs the right to trigger hashtag_backfill)")
        expect(button).to_be_disabled()
        assert seen.axe() == []
        seen.check()


def test_within_airflow_it_stands_in_the_navigation_and_is_light_or_dark_as_airflow_is(seen: Watched) -> None:
    seen.page.add_init_script("localStorage.setItem('theme', 'dark')")
    seen.page.goto(f"{seen.base}/plugin/hashtags")
    frame = seen.page.frame_locator("iframe")
    expect(frame.locator("main h2")).to_have_text("Top tags")
    expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
    frame.get_by_role("link", name="Hours").click()
    expect(frame.locator("main h2")).to_have_text("Hours")
    expect(seen.page.get_by_role("link", name="Hashtags")).to_be_visible()


def test_while_hdfs_is_away_what_was_known_stays_with_a_banner(seen: Watched, day: Page) -> None:
    show(seen, "now")
    rows = seen.page.locator("main tbody tr").count()
    day.hdfs.down = True
    day.clock = lambda: NOW + 60_000
    try:
        seen.page.reload()
        expect(seen.page.get_by_role("alert")).to_contain_text("does not answer")
        expect(seen.page.get_by_role("alert")).to_contain_text("Shown is what was known at")
        assert seen.page.locator("main tbody tr").count() == rows > 0
    finally:
        day.hdfs.down = False
        day.clock = lambda: NOW


@contextmanager
def instead(shown: Page) -> Iterator[None]:
    """The page tells of another world."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tools, "launcher", shown.launcher)
        plugin._application.cache_clear()
        yield
    plugin._application.cache_clear()


def test_a_parked_stream_says_why_and_which_ways_on_there_are(seen: Watched, tmp_path: Path) -> None:
    parked = filled(tmp_path, lambda: NOW, hours=2, tags=2)
    parked.hdfs.write_json(PATHS.desired_change(2), {
        "state": "parked", "who": "hashtag_stream/run1#1", "why": f"4 restarts in 10 minutes; the last: {ERROR}",
        "time_ms": NOW - 300_000})
    for app in parked.rm.live_at(NOW):
        app.to_ms = NOW - 300_000
    with instead(parked):
        seen.page.goto(f"{seen.base}/hashtide/#health?stream={STREAM}")
        expect(seen.page.locator("main .verdict")).to_contain_text("It is parked: it gave up, and waits for a person")
        expect(seen.page.locator("#summary")).to_contain_text("1 time parked")
        section = seen.page.locator("main section").filter(has_text="Why, and the three ways on")
        expect(section).to_contain_text(ERROR)
        expect(section.get_by_role("button", name="Resume: the cause is mended")).to_be_enabled()
        expect(section.get_by_role("link", name="Roll back to a checkpoint")).to_be_visible()
        assert seen.axe() == []


def test_the_picture_in_the_readme_is_of_the_page_as_it_is(browser: Browser, base: str,
                                                            tmp_path: Path) -> None:
    """HASHTIDE_PICTURE=1 makes it anew."""
    shown = filled(tmp_path, lambda: NOW, hours=13, tags=0, names=TAGS)
    with instead(shown), watched(browser, base, token(base), width=1100, height=700) as seen:
        show(seen, "now")
        words = seen.page.locator("body").inner_text() + LOOK.read_text()
        made = signed(seen.page.screenshot(), words)
        seen.check()
    if os.environ.get("HASHTIDE_PICTURE"):
        PICTURE.write_bytes(made)
    assert f"]({PICTURE.relative_to(ROOT)})" in (ROOT / "README.md").read_text()
    kept = PICTURE.read_bytes()
    assert len(kept) < 200_000
    # Pixels are another machine's with other letters.
    assert kept[:SIGNED] == made[:SIGNED], "the page has other words or another look: HASHTIDE_PICTURE=1 makes it anew"


def test_axe_is_the_one_that_was_pinned() -> None:
    text = gzip.decompress(AXE.read_bytes())
    assert hashlib.sha256(text).hexdigest() in AXE.with_name("README.md").read_text()
