"""Debian's Chromium without a window, and what a page may not do in it: complain, or ask another machine."""
from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

AXE = Path(__file__).with_name("data") / "axe" / "axe.min.js.gz"
_NAME = "chromium"
#: Bytes of a PNG before its second chunk.
_HEADER = 33
#: A busy machine draws slowly; each wait is by condition, and this is only when it is given up.
PATIENCE_MS = 60_000
#: What a person needs who sees little, or uses no mouse: levels A and AA of WCAG, and what axe calls good practice.
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Skips where it is not installed, but fails in CI."""
    program = shutil.which(_NAME)
    if program is None:
        said = f"{_NAME} is not installed: apt-get install {_NAME}, or `deploy/hashtide test`, which does so"
        pytest.fail(said) if os.environ.get("HASHTIDE_CI") else pytest.skip(said)
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--disable-background-networking"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watched:
    """A page, and what it did that it may not."""

    page: Page
    base: str
    bad: list[str] = field(default_factory=list)

    def check(self) -> None:
        assert not self.bad, self.bad
        self.bad.clear()

    def axe(self, within: str = "html") -> list[str]:
        """What axe-core finds wrong, a line each."""
        self.page.evaluate(gzip.decompress(AXE.read_bytes()).decode())
        found = self.page.evaluate("""async ([within, rules]) => {
            const { violations } = await axe.run(within, {runOnly: rules, resultTypes: ['violations']});
            return violations.flatMap((one) => one.nodes.map((node) =>
                `${one.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`));
        }""", [within, _RULES])
        return [" ".join(line.split()) for line in found]

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def signed(picture: bytes, words: str) -> bytes:
    """A PNG with words of its own: what it shows, which letters of another width do not change."""
    said = b"Description\0" + hashlib.sha256(words.encode()).hexdigest().encode()
    chunk = struct.pack(">I", len(said)) + b"tEXt" + said + struct.pack(">I", zlib.crc32(b"tEXt" + said))
    return picture[:_HEADER] + chunk + picture[_HEADER:]


@contextmanager
def watched(browser: Browser, base: str, token: str, *, dark: bool = False, width: int = 1200,
            height: int = 900) -> Iterator[Watched]:
    """Logged in to Airflow at `base` by `token`."""
    context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce",
                                  color_scheme="dark" if dark else "light", timezone_id="UTC", locale="en-US")
    context.set_default_timeout(PATIENCE_MS)
    context.add_cookies([{"name": "_token", "value": token, "url": base}])
    made = Watched(context.new_page(), base)
    host = urlsplit(base).netloc

    def asked(request: Any) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob") and urlsplit(request.url).netloc != host:
            made.bad.append(f"asks {request.url}")
    made.page.on("request", asked)
    made.page.on("console", lambda said: said.type == "error" and made.bad.append(said.text))
    made.page.on("pageerror", lambda error: made.bad.append(str(error)))
    made.page.on("dialog", lambda dialog: (made.bad.append(f"a script ran: {dialog.message}"), dialog.dismiss()))
    try:
        yield made
    finally:
        context.close()
