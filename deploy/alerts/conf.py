"""The rules file: which rules are on, from when they fire, and who is told. TOML, checked at once; all faults together.

The first there is: HASHTIDE_ALERTS, <cluster>.alerts.toml beside the cluster file, deploy/conf/alerts.toml.
"""
from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.config import CONF_DIR, Cluster, is_http
from deploy.errors import BadUse

CRITICAL, WARNING = "critical", "warning"
SEVERITIES = (CRITICAL, WARNING)
#: Each rule: its severity, and its thresholds with what they are where the file says nothing.
RULES: dict[str, tuple[str, dict[str, float]]] = {
    "unreachable": (CRITICAL, {}), "watchdog": (CRITICAL, {}), "stalled": (CRITICAL, {}), "parked": (CRITICAL, {}),
    "restarted": (WARNING, {"calm_minutes": 15}), "freshness": (CRITICAL, {"minutes": 10}),
    "unsealed": (WARNING, {"minutes": 180}), "drift": (WARNING, {}), "unsound": (CRITICAL, {}),
    "gap": (CRITICAL, {"minutes": 10}), "ingest": (WARNING, {"silent_minutes": 10}), "spend": (WARNING, {"part": 0.8}),
    "disk": (CRITICAL, {"part": 0.85}), "expiry": (WARNING, {"days": 14})}
_PARTS = ("part",)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_HERE = ("127.0.0.1", "localhost", "::1")
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


@dataclass(frozen=True)
class Rule:
    on: bool
    severity: str
    at: Mapping[str, float]


@dataclass(frozen=True)
class Email:
    name: str
    host: str
    sender: str
    to: tuple[str, ...]
    at_least: str = WARNING
    port: int = 0
    security: str = "starttls"      # or tls, or none
    user: str = ""
    password_file: str = ""
    password_connection: str = ""   # of Airflow
    ca_file: str = ""


@dataclass(frozen=True)
class Webhook:
    name: str
    at_least: str = WARNING
    url: str = ""
    url_file: str = ""              # where the address itself is the secret
    secret_file: str = ""
    secret_connection: str = ""
    secret_header: str = "X-Hashtide-Secret"   # noqa: S105
    ca_file: str = ""
    proxy: str = ""


@dataclass(frozen=True)
class Config:
    path: str
    rules: Mapping[str, Rule]
    notify: tuple[Email | Webhook, ...] = ()
    certificates: tuple[str, ...] = ()
    tickets: tuple[str, ...] = ()


@dataclass
class _Faults:
    found: list[str] = field(default_factory=list)

    def check(self, fine: object, text: str) -> bool:
        if not fine:
            self.found.append(text)
        return bool(fine)


def find(cluster: Cluster) -> Path:
    if named := os.environ.get("HASHTIDE_ALERTS"):
        return Path(named)
    beside = Path(cluster.path).with_suffix(".alerts.toml") if cluster.path else None
    return beside if beside and beside.is_file() else CONF_DIR / "alerts.toml"


def load(path: Path) -> Config:
    """BadUse names every fault at once."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        why = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise BadUse(f"alerts file {path}: {why}") from None
    faults = _Faults()
    _known("", said, ("rules", "notify", "expiry"), faults)
    rules, expiry, notify = said.get("rules", {}), said.get("expiry", {}), said.get("notify", [])
    faults.check(isinstance(rules, dict), "rules: expected tables such as [rules.freshness]")
    faults.check(isinstance(expiry, dict), "expiry: expected the table [expiry]")
    faults.check(isinstance(notify, list), "notify: expected tables [[notify]]")
    if faults.found:
        raise BadUse(f"alerts file {path}: " + "; ".join(faults.found))
    _known("rules.", rules, tuple(RULES), faults)
    _known("expiry.", expiry, ("certificates", "tickets"), faults)
    made = {name: _rule(name, rules.get(name, {}), faults) for name in RULES}
    told = [_notifier(n, one, faults) for n, one in enumerate(notify, 1)]
    names = [str(one.get("name")) for one in notify if isinstance(one, dict)]
    faults.check(len(set(names)) == len(names), "notify: two have the same name")
    files = {what: _texts(f"expiry.{what}", expiry.get(what, []), faults) for what in ("certificates", "tickets")}
    if faults.found:
        raise BadUse(f"alerts file {path}: " + "; ".join(faults.found))
    return Config(str(path), made, tuple(one for one in told if one), **files)


def _known(where: str, found: Mapping[str, Any], allowed: tuple[str, ...], faults: _Faults) -> None:
    for name in sorted(set(found) - set(allowed)):
        faults.check(False, f"{where}{name} is not known; there are {', '.join(allowed)}")


def _rule(name: str, said: Any, faults: _Faults) -> Rule:
    severity, thresholds = RULES[name]
    if not faults.check(isinstance(said, dict), f"rules.{name}: expected a table"):
        said = {}
    _known(f"rules.{name}.", said, ("on", "severity", *thresholds), faults)
    for key, value in said.items():
        if key in thresholds:
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            fine = number and (0 < value <= 1 if key in _PARTS else 0 < value <= 100_000)
            wanted = "a part from 0 to 1" if key in _PARTS else "a number above 0"
            faults.check(fine, f"rules.{name}.{key} = {value!r}: expected {wanted}")
    faults.check(isinstance(said.get("on", True), bool), f"rules.{name}.on: expected true or false")
    faults.check(said.get("severity", severity) in SEVERITIES,
                 f"rules.{name}.severity = {said.get('severity')!r}: expected critical or warning")
    return Rule(said.get("on", True), said.get("severity", severity), {
        key: said.get(key, default) for key, default in thresholds.items()})


def _texts(where: str, value: Any, faults: _Faults) -> tuple[str, ...]:
    fine = isinstance(value, list) and all(isinstance(one, str) and one for one in value)
    return tuple(value) if faults.check(fine, f"{where}: expected a list of texts") else ()


def _notifier(number: int, said: Any, faults: _Faults) -> Email | Webhook | None:
    if not faults.check(isinstance(said, dict), f"notify {number}: expected a table"):
        return None
    before, where = len(faults.found), f"notify {said.get('name') or number}"
    faults.check(_NAME.fullmatch(str(said.get("name", ""))), f"{where}: name: expected a-z, 0-9 and _")
    faults.check(said.get("at_least", WARNING) in SEVERITIES, f"{where}: at_least: expected critical or warning")
    kinds: dict[str, Callable[[str, dict[str, Any], _Faults], Email | Webhook | None]] = {
        "email": _email, "webhook": _webhook}
    if not faults.check(said.get("kind") in kinds, f"{where}: kind = {said.get('kind')!r}: expected email or webhook"):
        return None
    made = kinds[said["kind"]](where, {key: value for key, value in said.items() if key != "kind"}, faults)
    return made if len(faults.found) == before else None


def _email(where: str, said: dict[str, Any], faults: _Faults) -> Email | None:
    said = {("sender" if key == "from" else key): value for key, value in said.items()}
    _settings(where, said, Email, faults, ("host", "sender", "to"))
    to = _texts(f"{where}: to", said.get("to", []), faults)
    for address in (*to, str(said.get("sender", "a@b"))):
        faults.check(re.fullmatch(r"[^\s@<>,;]+@[^\s@<>,;]+", address), f"{where}: {address!r} is no address")
    security = said.get("security", "starttls")
    if not faults.check(security in _PORTS, f"{where}: security = {security!r}: expected starttls, tls or none"):
        return None
    faults.check(not said.get("user") or security != "none" or said.get("host") in _HERE,
                 f"{where}: a password needs security = \"starttls\" or \"tls\"")
    faults.check(bool(said.get("user")) == bool(said.get("password_file") or said.get("password_connection")),
                 f"{where}: user goes with password_file or password_connection")
    port = said.get("port", _PORTS[security])
    faults.check(isinstance(port, int) and 0 < port < 65_536, f"{where}: port = {port!r}: expected a port")
    return None if faults.found else Email(**{**said, "to": to, "port": port})


def _webhook(where: str, said: dict[str, Any], faults: _Faults) -> Webhook | None:
    _settings(where, said, Webhook, faults, ())
    faults.check(bool(said.get("url")) != bool(said.get("url_file")), f"{where}: give url or url_file")
    faults.check(not said.get("url") or is_http(said["url"]), f"{where}: url: expected http://host or https://host")
    faults.check(not said.get("proxy") or is_http(said["proxy"]), f"{where}: proxy: expected http://host:port")
    faults.check(not (said.get("secret_file") and said.get("secret_connection")),
                 f"{where}: secret_file and secret_connection: give one of them")
    header = str(said.get("secret_header", "X-A"))
    faults.check(re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,60}", header), f"{where}: {header!r} is no name of a header")
    return None if faults.found else Webhook(**said)


def _settings(where: str, said: dict[str, Any], kind: type, faults: _Faults, needed: tuple[str, ...]) -> None:
    spelled = {"sender": "from"}
    known = tuple(kind.__dataclass_fields__)  # type: ignore[attr-defined]
    _known(f"{where}: ", said, known, faults)
    for name in needed:
        faults.check(said.get(name), f"{where}: {spelled.get(name, name)} is missing")
    for name in set(known) - {"to", "port"}:
        faults.check(isinstance(said.get(name, ""), str), f"{where}: {spelled.get(name, name)}: expected a text")
