"""What a webhook of the alerts file hears of the cluster: from its own watchdog, and from `alerts --send` by hand."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.laptop import Laptop
from tests.fakes.hearing import Hooked, hook

#: Of a gap and of a restart a test waits for the end.
_FILE = """[rules.gap]
minutes = 0.1
[rules.restarted]
calm_minutes = 1
[[notify]]
name = "tests"
kind = "webhook"
url = "{url}"
"""


@dataclass
class Told:
    machine: Laptop
    heard: Hooked

    def look(self) -> None:
        """What the watchdog's task does every five minutes, now."""
        said = self.machine.hashtide("alerts", "--send")
        assert said.code == 0, said.text

    def episodes(self, stream: str, rule: str, state: str) -> set[str]:
        """Those that were told of as "firing" or "resolved". AssertionError where one was told twice."""
        ids = Counter(body["id"] for body in self.heard.bodies
                      if (body["stream"], body["rule"], body["state"]) == (stream, rule, state))
        assert not ids or max(ids.values()) == 1, f"told more than once: {ids}"
        return {one.removesuffix(f".{state}") for one in ids}


@contextmanager
def telling(machine: Laptop) -> Iterator[Told]:
    with hook() as heard:
        path = Path(machine.cluster.path).with_suffix(".alerts.toml")
        path.write_text(_FILE.format(url=heard.url))
        yield Told(machine, heard)
