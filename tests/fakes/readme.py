"""The snippets of README, to be run as they stand but for the table's address."""
from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
_ADDRESS = r"hdfs://[\w.:]+/hashtide/streams/hashtags/tables/counts"


def snippet(name: str, table: str) -> str:
    """The code block behind `<!-- snippet: NAME -->`, with this table in the place of the cluster's."""
    found = re.findall(rf"<!-- snippet: {name} -->\n```\w+\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(found) == 1, f"README has {len(found)} snippets called {name}"
    code, replaced = re.subn(_ADDRESS, table, found[0])
    assert replaced == 1, code
    return code
