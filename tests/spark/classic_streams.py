"""A stream on the local file system that the classic driver counts, and what its tables have to hold."""
from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from deploy.local.simulator.generator import Generator
from tests import oracle
from tests.spark.drivers import Drivers, await_
from tests.spark.landing import NOW

SEED, FILES, PER_FILE = 11, 10, 30


class Classic(Drivers):
    program = "tests.spark.classic_driver"

    def land_all(self) -> None:
        generator = Generator(SEED)
        for n in range(FILES):
            first_ms = NOW + n * 5_000
            records = [generator.next(first_ms + i * 100) for i in range(PER_FILE)]
            self.land(records, first_ms, first_ms + 4_999, f"u{n}")

    def to_the_end(self, epoch: int) -> None:
        """A driver that takes all that is landed, and ends on request."""
        with self.driver(epoch) as driver:
            done = lambda: self.read_json(self.paths.heartbeat).get("arrival_ms") == NOW + FILES * 5_000 - 1  # noqa: E731
            await_(done, 240, "the last file to be counted", self, epoch)
            Path(self.paths.stop(epoch)).write_text("{}")
            await_(lambda: driver.poll() is not None, 120, "the driver to end on request", self, epoch)
            assert driver.returncode == 0, self.log(epoch)
        assert self.read_json(self.paths.result(epoch))["reason"] == "stop"

    def rows(self, table: str) -> list[dict[str, Any]]:
        return list(DeltaTable(self.paths.table(table)).to_pyarrow_table().to_pylist())

    def totals(self) -> Counter[str]:
        return Counter({row["tag"]: row["tweets"] for row in self.rows("classic_totals")})

    def by_batch(self) -> Counter[str]:
        batches = self.rows("classic_batches")
        assert len({row["line"] for row in batches}) == 1, "recovered, not begun anew"
        found: Counter[str] = Counter()
        for row in batches:
            found[row["tag"]] += row["tweets"]
        return found

    def expected(self) -> Counter[str]:
        """Tweets of each tag, every copy of a tweet counted."""
        found: Counter[str] = Counter()
        tweets = (t for t in map(oracle.read, self.lines) if t.fate == "tweet")
        for (_, tag, _), measures in oracle.measures(tweets).items():
            found[tag] += measures[0]
        return found
