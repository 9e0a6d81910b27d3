"""What is known of a checkpoint that nobody wrote down the making of: by its own files, and by who drove it."""
from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.checkpoints import known
from spark_apps.generations import Generation
from tests.fakes.checkpoints import TEN, lived
from tests.fakes.real import PATHS as REAL
from tests.fakes.real import real
from tests.fakes.world import PATHS, World

G1 = Generation(1)


@pytest.fixture
def world() -> World:
    """Twelve batches, so that the source's log has been compacted once."""
    made = World()
    lived(made, 12)
    return made


def items(world: World, batch: int = 11, generation: Generation = G1) -> dict[str, str]:
    return known.items(world.hdfs, PATHS, generation, batch)


def test_of_what_spark_wrote_its_settings_and_where_its_source_read_are_known() -> None:
    found = known.items(real(), REAL, G1, 27)
    assert found["setting spark.sql.shuffle.partitions"] == "2"
    assert found["setting spark.sql.streaming.stateStore.encodingFormat"] == "unsaferow"
    assert found["source 0 path"] == REAL.landing
    assert "watermark 0 delay_ms" not in found


@pytest.mark.parametrize("batch", [9, 11])
def test_the_last_entry_of_a_source_s_log_tells_its_directory_compacted_or_not(world: World, batch: int) -> None:
    assert items(world, batch) == {"setting spark.sql.shuffle.partitions": "3", "source 0 path": PATHS.landing}


def test_one_that_reads_from_an_hour_on_reads_by_a_pattern_that_no_file_tells(world: World) -> None:
    assert "source 0 path" not in items(world, generation=replace(G1, from_hour=TEN))


def test_the_watermark_is_that_of_the_newest_launch_that_had_a_driver(world: World) -> None:
    world.intent(1, generation=1, parameters={"watermark_minutes": 25})
    assert "watermark 0 delay_ms" not in items(world), "nobody knows whether it ran"
    world.hdfs.write_json(f"{PATHS.epochs}/000001.a1.json", {"spark": "4.2.0"})
    assert {"watermark 0 delay_ms": "1500000", "spark": "4.2.0"}.items() <= items(world).items()
    world.intent(2, generation=2, parameters={"watermark_minutes": 5})
    assert items(world)["watermark 0 delay_ms"] == "1500000"


@pytest.mark.parametrize("file", ["offsets/11", "sources/0/11"])
@pytest.mark.parametrize("data", [b"", b"v1\n{", b"\xff"])
def test_what_cannot_be_read_is_not_known(world: World, file: str, data: bytes) -> None:
    world.hdfs.data[f"{PATHS.checkpoint(1)}/{file}"] = data
    assert "source 0 path" not in items(world)
