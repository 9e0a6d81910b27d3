"""What an id of the platform tells of its time: https://docs.x.com/fundamentals/x-ids."""
from __future__ import annotations

#: ms = (id >> 22) + SNOWFLAKE_MS; ids before 2010-11-04 are no such numbers and give the seconds after this instant.
SNOWFLAKE_MS = 1288834974657
SNOWFLAKES_SINCE_MS = 1288915200000     # 2010-11-05T00:00Z


def made_ms(text: str) -> int | None:
    """When what has this id was made; None for an id from before they told, and for what is none."""
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        return None
    ms = (int(text) >> 22) + SNOWFLAKE_MS
    return ms if ms >= SNOWFLAKES_SINCE_MS else None
