"""argparse whose errors are one line that names the thing and the way out, and whose helps end with an example."""
from __future__ import annotations

import argparse
import re
import textwrap
from typing import Any, NoReturn

from deploy.errors import BadUse

_UNKNOWN = re.compile(r"argument (\w+): invalid choice: (.+?) \(choose from (.+)\)")


class Parser(argparse.ArgumentParser):
    """`example`: what stands behind `deploy/hashtide`. BadUse where argparse would print its usage and exit."""

    def __init__(self, *, example: str = "", description: str = "", epilog: str = "", **kwargs: Any) -> None:
        super().__init__(description=textwrap.fill(description, 100), allow_abbrev=False,
                         epilog=f"example:\n  deploy/hashtide {example}" if example else epilog,
                         formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)
        self.set_defaults(parser=self)

    def parse(self, args: list[str] | None = None) -> argparse.Namespace:
        """As parse_args does it, but what is left over is said by the verb that it was given to."""
        found, extra = self.parse_known_args(args)
        if extra:
            found.parser.error(f"{' '.join(map(repr, extra))} is no argument or option of `{found.parser.prog}`")
        return found

    def error(self, message: str) -> NoReturn:
        text = " ".join(message.split())
        if unknown := _UNKNOWN.fullmatch(text):
            what, value, choices = unknown.groups()
            text = f"unknown {what.lower()} {value}: expected one of {choices.replace(chr(39), '')}"
        raise BadUse(f"{text}; `deploy/{self.prog} --help` shows how")
