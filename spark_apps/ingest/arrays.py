"""A JSON array read element by element, however large it is and however it is laid out."""
from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import IO, Any

from spark_apps.ingest.errors import WrongUse

#: One value may be this long (bytes). A page of the platform's has less than a tenth.
LONGEST = 64 << 20
#: What is read at once (bytes).
CHUNK = 1 << 20
BLANK = " \t\r\n"
decode = json.JSONDecoder().raw_decode


class Array:
    """(line, element) of the array that `start` begins with; after the last, `rest` is what has been read behind it."""

    def __init__(self, name: str, file: IO[bytes], start: bytes) -> None:
        self._name, self._file = name, file
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text, self._at = "", 0
        self.line, self.rest = 1, b""
        self._more(start)

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        self._skip("[")
        while self._next() != "]":
            value = self._value()
            yield self.line, value
            if self._next() not in ",]":
                raise self._fault("expected a comma or the end of the array")
            if self._next() == ",":
                self._skip(",")
        self._skip("]")
        self.rest = self._text[self._at:].encode() + self._decoder.getstate()[0]

    def _value(self) -> Any:
        while True:
            try:
                value, end = decode(self._text, self._at)
                # A number may go on in what has not been read yet.
                size = end - self._at
                if end < len(self._text) or not self._more():
                    self._move(self._at + size)
                    return value
            except (ValueError, RecursionError) as error:
                if len(self._text) - self._at > LONGEST or not self._more():
                    reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
                    raise self._fault(f"not JSON ({reason}), or cut off") from None

    def _next(self) -> str:
        """The next character that is not blank, without going past it."""
        while True:
            rest = self._text[self._at:self._at + 1]
            if rest and rest in BLANK:
                self._move(self._at + 1)
            elif rest:
                return rest
            elif not self._more():
                raise self._fault("the array is cut off")

    def _skip(self, character: str) -> None:
        self._next()
        self._move(self._at + len(character))

    def _move(self, to: int) -> None:
        self.line += self._text.count("\n", self._at, to)
        self._at = to

    def _more(self, data: bytes = b"") -> bool:
        """Reads on, as much again as is waiting; False at the end of the file."""
        data = data or self._file.read(max(CHUNK, len(self._text) - self._at))
        try:
            text = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise self._fault(f"not UTF-8 ({error.reason})") from None
        self._text, self._at = self._text[self._at:] + text, 0
        return bool(data)

    def _fault(self, what: str) -> WrongUse:
        return WrongUse(f"{self._name}: line {self.line}: {what}")
