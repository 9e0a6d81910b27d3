"""Odd and broken lines, and texts to scramble: what every reader of landing has to live with."""
from __future__ import annotations

import random

from tests.spark import test_hashtags, test_identify, test_parse
from tests.spark.landing import ID, snowflake

#: Each oddity whose reading a test states, but for tags by the hundred thousand.
ODD = [*(value for value, _ in test_parse.CASES.values()), *(value for value, _ in test_identify.CASES.values()),
       *(value for value in test_hashtags.LINES.values() if len(value) < 10_000)]
#: Lines that are no tweets, whatever is broken about them.
POISON = [value for value, fate in test_parse.CASES.values() if fate not in ("tweet", "control") and len(value) < 5_000]
#: A megabyte of tags, signs, digits, dots; and a million tags, which no line may hold.
LONG = [*(value for case, value in test_hashtags.LINES.items() if case.startswith("long: ")
          and case not in test_hashtags.SLOW),
        test_hashtags.text("#a " * 1_000_000)]

#: What the expression for tags looks at, and addresses are made of.
PIECES = ("#", "#", "＃", "a", "b", "Z", "1", "٣", "_", "&", "/", ".", "..", "-", ":", "://", "https://", "com", "co",
          " ", "\u3000", "\n", "…", "@", "é", "e\u0301", "日本", "ー", "・", "·", "می", "\u200c", "\u200d", "\ufe0f",
          "\u20e3", "😀", "𠮷", "?", "amp;", "'")
_OLD_ID, _LAST_ID = b'"20"', str(2 ** 63 - 1).encode()


def scrambled(pick: random.Random) -> str:
    return "".join(pick.choices(PIECES, k=pick.randrange(3, 25)))


def own(line: bytes, now: int, n: int, pick: random.Random) -> bytes:
    """The line with ids that no other has: `n` is another for each. Those of before 2010 and of 2080 stay such."""
    at = now - pick.randrange(90_000)
    for old, new in ((ID, snowflake(at, n)), (test_identify.OLD, snowflake(at - 480_000, n)),
                     (test_identify.LATER, snowflake(at + 5_000, n))):
        line = line.replace(old.encode(), new.encode())
    return line.replace(_OLD_ID, b'"%d"' % (20 + n)).replace(_LAST_ID, str(2 ** 63 - 1 - n).encode())
