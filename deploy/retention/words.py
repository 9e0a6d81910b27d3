"""A list of what may go, for a person: on a terminal, in a log, in a request for approval."""
from __future__ import annotations

from deploy.checkpoints.copying import size_text
from deploy.landed import iso
from deploy.lines import line, table
from deploy.retention.doing import Listed

_SHOWN = 50


def told(found: Listed) -> str:
    items = [one for one in found.found.items if one.goes]
    return (f"{len(items):,} things, {sum(one.files for one in items):,} files, "
            f"{size_text(sum(one.bytes for one in items))}")


def put_together(found: Listed) -> str:
    """Empty where nothing is."""
    items = [one for one in found.found.items if not one.goes]
    return f"{sum(one.files for one in items):,} small files to {len(items):,}" if items else ""


def all_told(found: Listed) -> str:
    return "; put together: ".join(filter(None, (told(found), put_together(found))))


def text(found: Listed) -> list[str]:
    """Lines. Of a long list the end is left out here, and not of its checksum."""
    items = found.found.items
    goes = f"{told(found)} may go" if any(one.goes for one in items) else "nothing may go"
    also = f", and {put_together(found)} be put together" if put_together(found) else ""
    lines = [f"Stream {found.stream} as of {iso(found.as_of_ms)}: {goes}{also}"]
    if items:
        rows = [[one.kind, line(one.what), f"{one.files:,}", size_text(one.bytes), one.path, one.why]
                for one in items[:_SHOWN]]
        lines += table(rows, ["what", "", "files", "size", "path", "why"]).split("\n")
    if items[_SHOWN:]:
        lines.append(f"... and {len(items) - _SHOWN:,} more")
    for one in found.found.stays:
        lines.append(f"stays  {one.files:,} files, {size_text(one.bytes)}: {line(one.why)}")
    return lines
