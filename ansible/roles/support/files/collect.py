"""What is known of one host, as text without secrets, in one archive; on the host itself, by its own python3.

Order as JSON on standard input, so that no secret stands in the list of processes: {host, into, secrets,
secret_files, private, files, commands: {name: {argv, user, environment}}, addresses: {name: url}, units, lines}.
What is secret is found three ways: values that are given, values in files which only their owner may read, and what
follows a name such as password.
"""
from __future__ import annotations

import base64
import glob
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

HIDDEN = "<redacted>"
#: Shorter ones would blank out words of the text; what stands beside a telling name goes whatever its length.
SHORTEST = 6
COMMAND_S = 60
_TELLING = (r"(?:[\w.\-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|credential|fernet|jwt|bearer|"
            r"(?:private|access|api|account|encryption|signing)[_.\-]?key)[\w.\-]*|AIRFLOW_CONN_\w+)")
#: Names that lead to a secret and are none.
_PLACE = re.compile(r"(?i)(?:[_.\-](?:file|path|dir|alias|class|provider|url))$|keytab$")
_QUOTED = r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'"
_PAIR = re.compile(rf"(?i)(?P<name>(?<![\w.\-]){_TELLING})(?P<between>[\"']?\s*(?:=>|[=:])\s*)"
                   rf"(?P<value>{_QUOTED}|[^\n]*)")
_OPTION = re.compile(rf"(?i)(?P<name>--?{_TELLING})(?P<between>[ \t]+)(?P<value>{_QUOTED}|[^\s]+)")
_PROPERTY = re.compile(rf"(?is)(?P<name><name>\s*{_TELLING}\s*</name>)(?P<between>\s*<value>)"
                       r"(?P<value>.*?)(?=</value>)")
#: What a connection has besides its secrets: "postgres" and "http" are not to vanish from all texts.
_OPEN = frozenset({"conn_type", "host", "schema", "port", "login", "role", "description"})
_SHAPES = (
    re.compile(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
    re.compile(r"(?s)\$ANSIBLE_VAULT;[^\n]*\n(?:\s*[0-9a-f]+\s*\n?)+"),
    re.compile(r"(?i)(?<=bearer )[\w.~+/=%\-]+"), re.compile(r"(?i)(?<=basic )[\w+/=]{8,}"),
    re.compile(r"eyJ[\w\-]{8,}\.[\w\-]+\.[\w\-]*"),
    re.compile(r"(?<=://)[^\s/@:]*:(?!\d{1,5}/)[^\s@]+(?=@)"), re.compile(r"\bA(?:KI|SI)A[0-9A-Z]{16}\b"))


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """Known values in each spelling, then what follows a telling name, then what looks like a key."""
    for value in sorted(secrets, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    for pattern in (_PROPERTY, _PAIR, _OPTION):
        text = pattern.sub(_hide, text)
    for shape in _SHAPES:
        text = shape.sub(HIDDEN, text)
    return text


def _hide(found: re.Match[str]) -> str:
    name, value = found["name"], found["value"]
    bare = re.sub(r"(?i)</?name>|\s|^-+", "", name)
    if _PLACE.search(bare) or not value.strip():
        return found[0]
    quote = value[0] if value[0] in "\"'" and value[-1:] == value[0] and len(value) > 1 else ""
    return f"{name}{found['between']}{quote}{HIDDEN}{quote}"


def spellings(values: Iterable[str]) -> set[str]:
    """Each value as files and logs may have it: bare, in JSON, in an address, for configparser, in Base64."""
    out: set[str] = set()
    for value in values:
        if len(value) >= SHORTEST:
            raw = value.encode()
            out |= {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1],
                    urllib.parse.quote(value, safe=""), urllib.parse.quote(value), urllib.parse.quote_plus(value),
                    value.replace("%", "%%"), value.replace("'", "''"), value.replace("\\", "\\\\").replace(":", "\\:"),
                    value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
                    base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode(), raw.hex()}
    return {one for one in out if len(one) >= SHORTEST}


def leaves(given: Any) -> Iterator[str]:
    """The strings in what a vault file, or a connection in JSON, has."""
    if isinstance(given, dict):
        for key, value in given.items():
            if key not in _OPEN:
                yield from leaves(value)
    elif isinstance(given, list):
        for value in given:
            yield from leaves(value)
    elif isinstance(given, str):
        try:
            inner = json.loads(given) if given.lstrip()[:1] in ("{", "[") else None
        except ValueError:
            inner = None
        if inner is None:
            yield from (given, *(line.strip() for line in given.splitlines()))
        else:
            yield from leaves(inner)
    elif isinstance(given, (int, float)) and not isinstance(given, bool):
        yield str(given)


def values_in(text: str) -> Iterator[str]:
    """Secrets of a file that only its owner may read: JSON's strings, what follows telling names, a lone line."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and line.strip()[0] not in "#;"]
    try:
        yield from leaves(json.loads(text))
    except ValueError:
        for pattern in (_PROPERTY, _PAIR):
            for found in pattern.finditer(text):
                yield from leaves(found["value"].strip().strip("\"'").replace("%%", "%"))
        for line in lines:
            if re.fullmatch(r"(?:(?:[^:\\]|\\.)*:){4}.*", line):   # ~/.pgpass
                yield re.sub(r"\\(.)", r"\1", re.split(r"(?<!\\):", line)[-1])
        if len(lines) == 1 and not re.search(r"^[\w.\-]+\s*[=:]\s", lines[0]):
            yield lines[0]


def is_private(path: Path) -> bool:
    return path.stat().st_mode & 0o077 == 0


def text_of(path: Path) -> str | None:
    """None where it is not text: a keytab, a keystore, a database."""
    raw = path.read_bytes()[:2_000_000]
    try:
        return None if b"\0" in raw else raw.decode()
    except UnicodeDecodeError:
        return None


def files(patterns: Iterable[str]) -> list[Path]:
    return sorted({Path(name) for pattern in patterns for name in glob.glob(pattern, recursive=True)
                   if os.path.isfile(name)})


def run(argv: list[str], user: str = "", environment: dict[str, str] | None = None) -> str:
    as_user = {"user": user} if user and os.getuid() == 0 else {}
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                              timeout=COMMAND_S, check=False, cwd="/", env={**os.environ, **(environment or {})},
                              **as_user)  # type: ignore[call-overload]
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return f"{argv[0]}: {type(error).__name__}\n"
    return f"{done.stdout.decode(errors='replace')}\nended with {done.returncode}\n"


class StayHere(urllib.request.HTTPRedirectHandler):
    """A standby says who is active: that one's own host has its answers, and a ticket is for one host."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def fetch(url: str) -> str:
    """With a ticket of the host's where KRB5_CLIENT_KTNAME names a keytab."""
    asked = urllib.request.Request(url, headers={"Accept": "application/json"})
    try:
        if "KRB5_CLIENT_KTNAME" in os.environ and asked.type == "http":
            asked.add_unredirected_header("Authorization", f"Negotiate {ticket(str(asked.host).partition(':')[0])}")
        with urllib.request.build_opener(StayHere).open(asked, timeout=10) as answer:
            return str(answer.read(5_000_000).decode(errors="replace"))
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code} {error.headers.get('Location', '')}".rstrip() + "\n"
    except OSError as error:
        return f"no answer: {type(error).__name__}\n"


def ticket(host: str) -> str:
    """For the web servers of that host. OSError where there is none."""
    import gssapi  # on hosts with Kerberos alone

    service = gssapi.Name(f"HTTP@{host}", gssapi.NameType.hostbased_service)
    try:
        return base64.b64encode(gssapi.SecurityContext(name=service, usage="initiate").step()).decode()
    except gssapi.exceptions.GSSError as error:
        raise PermissionError(str(error)) from None


def gathered(order: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for path in files(order["files"]):
        if is_private(path) and str(path) not in order["private"]:
            about = path.stat()
            yield f"files{path}.withheld", f"mode {about.st_mode & 0o777:04o}, {about.st_size} bytes: a secret\n"
        else:
            text = text_of(path)
            yield f"files{path}", text if text is not None else "not text\n"
    for name, command in order["commands"].items():
        yield f"{name}.txt", run(**command)
    for name, url in order["addresses"].items():
        yield f"{name}.json", fetch(url)
    listed = run(["systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager", *order["units"]])
    yield "units.txt", listed
    for unit in re.findall(r"^([\w@.\-]+\.service)", listed, re.MULTILINE):
        yield f"units/{unit}.txt", run(["systemctl", "show", "--no-pager", unit])
        yield f"journal/{unit}.txt", run(["journalctl", "--no-pager", "-o", "short-iso", "-n", str(order["lines"]),
                                          "-u", unit])


def known(order: dict[str, Any]) -> set[str]:
    found = list(leaves(order["secrets"]))
    for path in files([*order["files"], *order["secret_files"]]):
        if is_private(path) and (text := text_of(path)) is not None:
            found += values_in(text)
    return spellings(found)


def pack(order: dict[str, Any]) -> list[str]:
    """Writes the archive of mode 0600; the names of what is in it."""
    secrets, names = known(order), []
    descriptor = os.open(order["into"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in gathered(order):
            clean = redacted(text, secrets).encode()
            entry = tarfile.TarInfo(f"{order['host']}/{name}")
            entry.size, entry.mode = len(clean), 0o600
            archive.addfile(entry, io.BytesIO(clean))
            names.append(name)
    return names


if __name__ == "__main__":
    print(json.dumps(pack(json.load(sys.stdin))))
