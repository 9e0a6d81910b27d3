"""Lines that are no tweets, as a broken connection, a proxy or a careless tool leaves them in landing."""
from __future__ import annotations

_ID = b'"id":"2030000000000000001"'
# None is so long that its length would be what is measured, and each is put aside: a line that counts as a tweet would
# make the counts of the two data sets differ.
LINES: tuple[bytes, ...] = (
    b'{"data":{' + _ID + b',"text":"cut off in the mid',
    b"502 Bad Gateway",
    b"null",
    b"[]",
    b'{"data":{' + _ID + b',"text":"\xff\xfe\xc3\x28"}}',
    b'{"data":{' + _ID + b',"text":"a \x00 b"}}',
    b'\xef\xbb\xbf{"data":{' + _ID + b'}}',
    b'{"data":{"id":{"value":1},"text":"no scalar"}}',
    b'{"data":[' + _ID + b"]}",
    b'{"data":{"text":"no id #lost"}}',
    b'{"data":{' + _ID + b'}} {"data":{' + _ID + b"}}",
    b'"a string"',
    b'{"data":{' + _ID + b',"entities":{"hashtags":"#one"}}}',
    b"{}",
)
#: One odd line beside so many tweets.
EVERY = 100


def mixed(records: list[bytes], before: int) -> list[bytes]:
    """The records with an odd line after each EVERY of them; `before` came in earlier files."""
    out = []
    for n, record in enumerate(records, before + 1):
        out.append(record)
        if n % EVERY == 0:
            out.append(LINES[n // EVERY % len(LINES)])
    return out
