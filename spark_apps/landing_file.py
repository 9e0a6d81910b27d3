"""How a landing file is called: its name tells arrival and source of its lines; others take it from the contract."""
from __future__ import annotations

import re
from dataclasses import dataclass

_LANDING_FILE = re.compile(r"(\d{13})-(\d{13})-([a-z][a-z0-9_]{0,39})-([0-9a-z]{1,40})\.jsonl")

#: The same expression for Spark's regexp_extract on `_metadata.file_name`: groups first_ms, last_ms, source, unique.
LANDING_FILE_PATTERN = r"^(\d{13})-(\d{13})-([a-z][a-z0-9_]{0,39})-([0-9a-z]{1,40})\.jsonl$"


@dataclass(frozen=True)
class LandingFile:
    """Arrival and source of the lines of one immutable landing file, as its name tells them.

    `last_ms` counts as the arrival of all its lines. A line is a record's bytes as received and one \\n.
    """

    first_ms: int
    last_ms: int
    source: str
    unique: str

    @property
    def name(self) -> str:
        return f"{self.first_ms:013d}-{self.last_ms:013d}-{self.source}-{self.unique}.jsonl"

    @classmethod
    def parse(cls, name: str) -> LandingFile:
        """ValueError where the name is not one of ours."""
        match = _LANDING_FILE.fullmatch(name)
        if not match:
            raise ValueError(f"landing file {name!r}: expected <first_ms>-<last_ms>-<source>-<unique>.jsonl")
        return cls(int(match[1]), int(match[2]), match[3], match[4])
