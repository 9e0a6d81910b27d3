"""A list of what may go, for a person: on a terminal, in a log, in a request for approval."""
from __future__ import annotations

from deploy.checkpoints.copying import size_text
from deploy.landed import iso
from deploy.lines import line, table
from deploy.retention.doing import Listed

_SHOWN = 50


def told(found: Listed) -> str:
    items = found.found.items
    return (f"{len(items):,} things, {sum(one.files for one in items):,} files, "
            f"{size_text(sum(one.bytes for one in items))}")


def text(found: Listed) -> list[str]:
    """Lines. Of a long list the end is left out here, and not of its checksum."""
    items = found.found.items
    lines = [f"Stream {found.stream} as of {iso(found.as_of_ms)}: " + (f"{told(found)} may go" if items else
                                                                      "nothing may go")]
    if items:
        rows = [[one.kind, line(one.what), f"{one.files:,}", size_text(one.bytes), one.path, one.why]
                for one in items[:_SHOWN]]
        lines += table(rows, ["what", "", "files", "size", "path", "why"]).split("\n")
    if items[_SHOWN:]:
        lines.append(f"... and {len(items) - _SHOWN:,} more")
    for one in found.found.stays:
        lines.append(f"stays  {one.files:,} files, {size_text(one.bytes)}: {line(one.why)}")
    return lines
