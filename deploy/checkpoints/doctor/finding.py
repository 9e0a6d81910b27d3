"""What an examination finds: which file, what is wrong with it, and which batches can no longer be relied on."""
from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

#: What each kind of damage means for a stream that would start on it.
KINDS = {
    "checkpoint_missing": "it is gone although batches were committed, and a driver would begin with nothing",
    "checkpoint_behind": "it ends before what was published: batches would be dropped as already counted",
    "metadata_damaged": "Spark knows the query by it, and does not start without it",
    "foreign_checkpoint": "it belongs to another stream or another query, whose state and offsets mean nothing here",
    "offsets_damaged": "it says where a batch begins and ends; Spark stops, or takes lines twice or never",
    "offsets_missing": "it says where a batch begins and ends; Spark stops, or takes lines twice or never",
    "offsets_contradicted": "what it says differs from what the batches around it or the drivers say",
    "commits_damaged": "it says that a batch is done and which state belongs to it",
    "commits_missing": "without it a batch that was published would be taken again on the wrong state",
    "commits_contradicted": "what it says differs from what the batches around it or the drivers say",
    "commits_ahead": "a batch is committed of which nobody knows where it began",
    "source_log_damaged": "it says which landing files were taken; Spark stops, or takes some twice or never",
    "source_log_gap": "it says which landing files were taken; Spark stops, or takes some twice or never",
    "source_log_contradicted": "it names files that landing does not have, or not as they are",
    "state_missing": "the identities seen in the last minutes: without them copies of tweets count twice",
    "state_damaged": "the identities seen in the last minutes: without them copies of tweets count twice",
    "state_checksum_damaged": "without it Spark loads the state file unchecked",
    "state_schema_damaged": "Spark reads the state by it",
    "unreadable": "HDFS has it and cannot give its bytes",
    "altered": "it was written again after its batch, by something else than the driver",
    "two_writers": "two drivers committed batches of one checkpoint: its state is neither's",
    "other_configuration": "it counts with another configuration than the rest of the checkpoint",
}
#: What is no damage, and is said all the same.
NOTES = {
    "unfinished_batch": "a driver was cut off in it, or is at it: the next start takes it again, and nothing is lost",
    "snapshot_unchecked": "a driver was ended between it and its checksum: Spark loads it by the sums of its zip alone",
    "copied": "all its files are newer than what its drivers told: somebody has copied it as a whole",
}


@dataclass(frozen=True)
class Finding:
    """`file`: below the checkpoint, or a whole path elsewhere in HDFS. `spoils`: files that a driver may not read as
    they are, `since`: the first batch that is spoiled whatever its files say; None where the files alone decide.
    `old`: no driver that starts on the newest batch reads it any more."""

    kind: str
    file: str
    what: str
    spoils: tuple[str, ...] = ()
    since: int | None = None
    old: bool = False

    @property
    def means(self) -> str:
        return KINDS.get(self.kind) or NOTES[self.kind]

    @property
    def damage(self) -> bool:
        return self.kind in KINDS

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "damage": self.damage, "means": self.means}


class Bad(ValueError):
    """A file whose content is not what Spark wrote; the text says in which way."""
