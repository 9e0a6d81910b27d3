"""The JSON values of an archive, one after the other, whatever way they are laid out over lines.

One value a line is the usual case; a value over several lines and one array that is the whole file are read as well. No
more than one value is held in memory.
"""
from __future__ import annotations

import bz2
import codecs
import gzip
import io
import json
import lzma
import sys
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from spark_apps.ingest.arrays import BLANK, CHUNK, LONGEST, Array, decode
from spark_apps.ingest.errors import WrongUse

#: A line that is not JSON.
BAD = object()

_OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_OTHERS = {b"PK\x03\x04": "a zip file", b"(\xb5/\xfd": "compressed by zstd", b"PAR1": "a Parquet file"}


@dataclass(frozen=True)
class Document:
    """A value, or BAD; `raw` is its line where it has one to itself."""

    value: Any
    raw: bytes | None
    line: int


def documents(name: str) -> Iterator[Document]:
    """Those of a file, or of standard input where its name is -. WrongUse names the file, and the line where one is at
    fault."""
    line = 0
    try:
        with _opened(name) as file:
            for document in _documents(name, file):
                line = document.line
                yield document
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise WrongUse(f"{name}: cannot be decompressed after line {line} ({error}); is it complete?") from None
    except OSError as error:
        raise WrongUse(f"{name}: cannot be read: {error.strerror or error}") from None


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
        buffered = io.BufferedReader(file, CHUNK)  # type: ignore[type-var]
        start = buffered.peek(16)[:16]
        for magic, what in _OTHERS.items():
            if start.startswith(magic):
                raise WrongUse(f"{name}: is {what}; expected JSON, plain or compressed by gzip, bzip2 or xz")
        opener = next((opener for magic, opener in _OPENERS.items() if start.startswith(magic)), None)
        yield opener(buffered) if opener else buffered  # type: ignore[operator]


def _documents(name: str, file: IO[bytes]) -> Iterator[Document]:
    start = file.read(CHUNK)
    start = start.removeprefix(codecs.BOM_UTF8)
    if start.lstrip()[:1] == b"[":
        array = Array(name, file, start)
        yield from (Document(value, None, line) for line, value in array)
        yield from _values(name, _lines(name, array.rest, file, array.line))
    else:
        yield from _values(name, _lines(name, start, file, 1))


def _lines(name: str, start: bytes, file: IO[bytes], number: int) -> Iterator[tuple[int, bytes]]:
    """Line by line, the part that was read before first."""
    begun = io.BytesIO(start + file.readline(LONGEST))
    for source in (begun, file):
        while line := source.readline(LONGEST):
            if len(line) >= LONGEST:
                raise WrongUse(f"{name}: line {number} is longer than {LONGEST >> 20} MB")
            yield number, line
            number += 1


def _values(name: str, lines: Iterator[tuple[int, bytes]]) -> Iterator[Document]:
    again: deque[tuple[int, bytes]] = deque()
    while item := again.popleft() if again else next(lines, None):
        number, line = item
        raw = line.removesuffix(b"\n").removesuffix(b"\r")
        if not raw.strip():
            continue
        value, end = _parse(line)
        if value is BAD and end:
            value, taken = _long_value(name, number, line, again, lines)
            if value is not BAD:
                yield Document(value, None, number)
                continue
            again.extendleft(reversed(taken))
        elif value is not BAD and line[end:].strip():
            value = BAD   # more than one on a line
        yield Document(value, raw, number)


def _long_value(name: str, number: int, first: bytes, again: deque[tuple[int, bytes]],
                lines: Iterator[tuple[int, bytes]]) -> tuple[Any, list[tuple[int, bytes]]]:
    """The value that the line `first` opens, with what was read too far put back; or BAD, and the lines read for it.

    Tried each time that the text has doubled, so that the work stays in proportion.
    """
    text, taken, next_try = bytearray(first), [], 0
    while True:
        item = again.popleft() if again else next(lines, None)
        if item:
            taken.append(item)
            text += item[1]
        if item and len(text) < next_try:
            continue
        next_try = 2 * len(text)
        value, end = _parse(bytes(text))
        if value is not BAD:
            left = len(text)
            while taken and left - len(taken[-1][1]) >= end:
                left -= len(taken[-1][1])
                again.appendleft(taken.pop())
            return (BAD, taken) if text[end:left].strip() else (value, taken)
        if not end or not (item or taken):
            return BAD, taken
        if not item or len(text) > LONGEST:
            raise WrongUse(f"{name}: the JSON value that begins in line {number} "
                           + (f"is longer than {LONGEST >> 20} MB" if item else "is cut off"))


def _parse(text: bytes) -> tuple[Any, int]:
    """(value, its end in bytes); (BAD, 1) where more text could still make it a value, (BAD, 0) where none could."""
    try:
        string = text.decode()
        begin = len(string) - len(string.lstrip(BLANK))
        value, end = decode(string, begin)
        return value, len(string[:end].encode()) if string[end:].strip(BLANK) else len(text)
    except json.JSONDecodeError as error:
        return BAD, int(error.pos >= len(string.rstrip(BLANK)) and string[begin:begin + 1] in ("{", "["))
    except (ValueError, RecursionError):   # no UTF-8, a number of 5,000 digits, a thousand brackets
        return BAD, 0
