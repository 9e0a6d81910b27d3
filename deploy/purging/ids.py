"""Which tweets have to go: a file of ids, or what the stream itself has said."""
from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from deploy.errors import BadUse


def read(path: Path) -> frozenset[str]:
    """Of JSON lines as a batch compliance job gives them: {"id": "...", "action": "delete", ...}. Lines with another
    action are none of ours. BadUse names the line that is wrong.

    https://docs.x.com/x-api/compliance/batch-compliance/introduction
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadUse(f"--ids {path}: {getattr(error, 'strerror', None) or 'no UTF-8'}") from None
    return frozenset(_ids(path, text.splitlines()))


def _ids(path: Path, lines: Iterable[str]) -> Iterable[str]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            said = json.loads(line)
        except ValueError:
            raise BadUse(f"--ids {path}: line {number} is no JSON; expected such as "
                         '{"id": "123", "action": "delete"}') from None
        found = said.get("id") if isinstance(said, dict) else None
        if isinstance(found, bool) or not (text := str(found)).isascii() or not text.isdecimal() or len(text) > 19:
            raise BadUse(f"--ids {path}: line {number} has no id of a tweet")
        if said.get("action", "delete") == "delete":
            yield text
