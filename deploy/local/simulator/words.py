"""What the simulated world talks about: tags as people spell them, in order of popularity, and filler words."""
from __future__ import annotations

import unicodedata

_ACCENTED = "MéxicoMágico"

#: One topic a row: its surface forms, the usual one first. Rows are Zipf ranks, from the most popular down.
TOPICS: tuple[tuple[str, ...], ...] = (
    ("KPOP", "kpop", "Kpop", "KPop"),
    ("嵐", ),
    ("BreakingNews", "breakingnews", "BREAKINGNEWS", "ＢｒｅａｋｉｎｇＮｅｗｓ"),
    ("ソーシャル・メディア", ),
    ("WorldCup", "worldcup", "WORLDCUP", "WorldCup2026"),
    ("방탄소년단", ),
    ("السعودية", ),
    (unicodedata.normalize("NFC", _ACCENTED), unicodedata.normalize("NFD", _ACCENTED), "MÉXICOMÁGICO"),
    ("می\u200cخواهم", "می\u200cخواهم_بدانم"),
    ("NowPlaying", "nowplaying", "nowPlaying", "ｎｏｗｐｌａｙｉｎｇ"),
    ("アニメ", "ｱﾆﾒ"),
    ("Straße", "STRASSE", "strasse", "STRAẞE"),
    ("ไทยแลนด์", ),
    ("हिन्दी", ),
    ("ශ්\u200dරීලංකා", ),
    ("İstanbul", "istanbul", "ISTANBUL"),
    ("Ἀθῆναι", "ἀθῆναι"),
    ("חדשות", ),
    ("bitcoin", "Bitcoin", "BITCOIN", "BitCoin"),
    ("2026年", ),
    ("a_b_c", "A_B_C"),
    ("ﬁnance", "finance", "Finance"),
    ("コーヒー", "ｺｰﾋｰ"),
    ("Россия", "РОССИЯ", "россия"),
)

#: Plain tags behind them, for a long tail of keys.
TAIL = 1500


#: Ranks of TOPICS that one tweet likes to name together: music, the news, countries, all the rest.
_CIRCLES = ((0, 1, 5, 9, 10, 22), (2, 3, 4, 7, 19, 20), (6, 8, 12, 15, 17, 23), (11, 13, 14, 16, 18, 21))
_TAIL_CIRCLE = 6


def circle(rank: int) -> tuple[int, ...]:
    """The ranks that go together with this one, itself among them: some popular and some rare, or all alike rare."""
    for named in _CIRCLES:
        if rank in named:
            return named
    first = rank - (rank - len(TOPICS)) % _TAIL_CIRCLE
    return tuple(range(first, min(first + _TAIL_CIRCLE, len(TOPICS) + TAIL)))


def topic(rank: int) -> tuple[str, ...]:
    """The surface forms of the topic of this rank, from 0 on."""
    if rank < len(TOPICS):
        return TOPICS[rank]
    name = f"tail{rank}"
    return (name, name.capitalize(), name.upper())


#: Language, its filler words. They hold no # and no address, but odd characters that a reader must live with.
FILLERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("en", ("the", "new", "look", "at", "this", "today", "we", "said", "&amp;", "R&D", "1st", "it's", "wow", "🎉")),
    ("ja", ("今日は", "とても", "楽しい", "です。", "みんな", "見て", "😀")),
    ("ar", ("في", "هذا", "اليوم", "جميل", "جدا", "❤️")),
    ("ko", ("오늘", "정말", "좋아요", "우리", "함께", "👨‍👩‍👧")),
    ("es", ("hoy", "qué", "día", "más", "feliz", "¡vamos!", "😂")),
    ("fa", ("امروز", "خیلی", "خوب", "است", "می\u200cروم")),
)
