"""How long things stay: what may be asked for, and the floors that nothing goes under, each with its reason."""
from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from deploy.checkpoints.savepoint import KEEP, KEEP_MS
from deploy.errors import BadUse
from spark_apps.contract import HOUR_MS

DAY_MS = 24 * HOUR_MS

#: (least, most) of each horizon.
#: landing_hours: the nightly seal reads 26 hours back (24 of hours, one before them, the one that is open); a night
#: that was missed is made up for by the next.
#: generation_days: somebody has to notice that a restore went wrong, and go back to where it came from.
#: savepoints, savepoint_days: an upgrade that fails goes back to the savepoint before it.
#: archive_days: somebody has to notice that an hour was counted wrong, and build it anew.
#: vacuum_hours: Delta's own horizon. A session that has opened a table goes on with that version of it, and a file
#: without a commit may be of a writer who has yet to make it.
RANGES = {"landing_hours": (48, 24 * 366), "archive_days": (7, 3_660), "generation_days": (2, 366),
          "savepoints": (1, 1_000), "savepoint_days": (1, 3_660), "vacuum_hours": (168, 24 * 366)}
TELLING = {
    "landing_hours": "Landing files stay so many hours after their arrival, longer while a stream may need them; then "
                     "they go packed into the archive",
    "archive_days": "Packed landing stays so many days; from then on its hours cannot be computed again",
    "generation_days": "The checkpoint of a generation stays so many days after another one went on",
    "savepoints": "So many of the savepoints that nobody named stay",
    "savepoint_days": "A savepoint that nobody named stays so many days",
    "vacuum_hours": "A table's files that no version has had for so many hours are vacuumed"}


@dataclass(frozen=True)
class Horizons:
    """BadUse under a floor, with the floor."""

    landing_hours: int = 168
    generation_days: int = 14
    savepoints: int = KEEP
    savepoint_days: int = KEEP_MS // DAY_MS
    vacuum_hours: int = 168
    archive_days: int = 90

    def __post_init__(self) -> None:
        wrong = [f"{name} = {value!r}: expected {low} to {high}" for name, (low, high) in RANGES.items()
                 if type(value := getattr(self, name)) is not int or not low <= value <= high]
        if wrong:
            raise BadUse("; ".join(wrong))

    @classmethod
    def of(cls, said: dict[str, Any]) -> Horizons:
        """Of a form or of options, in which other things may stand too."""
        return cls(**{field.name: said[field.name] for field in fields(cls) if said.get(field.name) is not None})

    @property
    def landing_ms(self) -> int:
        return self.landing_hours * HOUR_MS

    @property
    def generation_ms(self) -> int:
        """A verification follows lines through the checkpoint of the generation that took them, while there are any."""
        return max(self.generation_days * DAY_MS, self.landing_ms)
