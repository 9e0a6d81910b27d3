"""argparse whose errors are one line that names the thing and the way out, and whose helps end with an example."""
from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Sequence
from typing import Any, NoReturn

from deploy.errors import BadUse

_UNKNOWN = re.compile(r"argument (\w+): invalid choice: (.+?) \(choose from (.+)\)")


class Parser(argparse.ArgumentParser):
    """`example`: what stands behind `deploy/hashtide`. BadUse where argparse would print its usage and exit."""

    def __init__(self, *args: Any, example: str = "", description: str = "", **kwargs: Any) -> None:
        if example:
            kwargs["epilog"] = f"example:\n  deploy/hashtide {example}"
        super().__init__(*args, description=textwrap.fill(description, 100), allow_abbrev=False,
                         formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)
        self.set_defaults(parser=self)

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        found, extra = self.parse_known_args(args, namespace)
        if extra:
            found.parser.error(f"{' '.join(map(repr, extra))} is no argument or option of `{found.parser.prog}`")
        return found

    def error(self, message: str) -> NoReturn:
        text = " ".join(message.split())
        if unknown := _UNKNOWN.fullmatch(text):
            what, value, choices = unknown.groups()
            text = f"unknown {what.lower()} {value}: expected one of {choices.replace(chr(39), '')}"
        raise BadUse(f"{text}; `deploy/{self.prog} --help` shows how")
