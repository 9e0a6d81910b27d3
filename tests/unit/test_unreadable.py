"""What a driver was reading when Spark gave up, from stacks that Spark 4.2 wrote."""
from __future__ import annotations

import pytest

from spark_apps.unreadable import part_of_checkpoint

_AT = "\tat org.apache.spark.sql.execution.streaming.checkpointing."


@pytest.mark.parametrize("stack,part", [
    ("org.apache.spark.SparkException: [CANNOT_LOAD_STATE_STORE.UNCATEGORIZED] An error occurred",
     "CANNOT_LOAD_STATE_STORE.UNCATEGORIZED"),
    (f"{_AT}CommitLog.deserialize(CommitLog.scala:65)\n{_AT}HDFSMetadataLog.getLatest(x.scala:1)",
     "CHECKPOINT_LOG.CommitLog"),
    (f"{_AT}CompactibleFileStreamLog.deserialize(x.scala:1)", "CHECKPOINT_LOG.CompactibleFileStreamLog"),
    (f"{_AT}CommitLog.add(CommitLog.scala:44)", ""),
    (f"{_AT}HDFSMetadataLog.write(x.scala:1)", ""),
    ("java.lang.OutOfMemoryError", ""),
])
def test_the_part_is_named_where_one_was_being_read(stack: str, part: str) -> None:
    assert part_of_checkpoint(stack) == part
