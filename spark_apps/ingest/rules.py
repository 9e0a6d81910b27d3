"""The rules of a stream: what is missing is added, and what carries this stream's tag but is not wanted is deleted."""
from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
import tweepy

from spark_apps.ingest.errors import IngestError, Unreachable, WrongUse

log = logging.getLogger(__name__)

_LONGEST, _MOST, _AT_ONCE = 1024, 1000, 100


@dataclass(frozen=True)
class Change:
    add: tuple[str, ...]
    delete: tuple[str, ...]   # ids


def tag(stream: str) -> str:
    """Marks the rules that this stream made; rules without it belong to others and are left alone."""
    return f"hashtide-{stream}"


def plan(wanted: Sequence[str], present: Sequence[tweepy.StreamRule], own: str) -> Change:
    """Pure: what makes the stream's own rules the wanted ones. A rule that somebody else made serves as well."""
    values = {rule.value for rule in present}
    return Change(tuple(v for v in dict.fromkeys(wanted) if v not in values),
                  tuple(str(rule.id) for rule in present if rule.tag == own and rule.value not in wanted))


def ensure(client: tweepy.StreamingClient, wanted: Sequence[str], stream: str) -> Change:
    """IngestError with the platform's words where it takes a rule not; Unreachable where it does not answer."""
    with _errors():
        change = plan(wanted, client.get_rules().data or [], tag(stream))
        # Deleted first: there may be no room for both.
        for some in _slices(change.delete):
            client.delete_rules(list(some))
        _add(client, change, stream)
    log.info("rules: %d wanted, %d added, %d deleted", len(wanted), len(change.add), len(change.delete))
    return change


@dataclass(frozen=True)
class Preview:
    """What `ensure` would do: values that it adds, id and value of what it deletes; so many of the wanted ones are
    there, and so many of others stay."""

    add: tuple[str, ...]
    delete: tuple[tuple[str, str], ...]
    kept: int
    others: int


def preview(client: tweepy.StreamingClient, wanted: Sequence[str], stream: str) -> Preview:
    """Changes nothing; the platform itself tries what would be added. Errors as of `ensure`."""
    with _errors():
        present = client.get_rules().data or []
        change = plan(wanted, present, tag(stream))
        _add(client, change, stream, dry_run=True)
    own = [rule for rule in present if rule.tag == tag(stream)]
    return Preview(change.add, tuple((str(rule.id), rule.value) for rule in own if str(rule.id) in change.delete),
                   len(dict.fromkeys(wanted)) - len(change.add), len(present) - len(own))


def _add(client: tweepy.StreamingClient, change: Change, stream: str, **how: bool) -> None:
    for some in _slices(change.add):
        _refuse(client.add_rules([tweepy.StreamRule(value, tag(stream)) for value in some], **how).errors)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise IngestError(str(error)) from None
    except requests.RequestException as error:
        status = f"HTTP {error.response.status_code}" if error.response is not None else type(error).__name__
        raise Unreachable(f"the rules endpoint does not answer as it should ({status}); is --url right?") from None


def read(values: Sequence[str], file: Path | None) -> list[str]:
    """The rules given one by one and those of a file, one a line; `# ` begins a comment line, # alone a rule's hashtag.

    WrongUse names every fault.
    """
    found = list(values)
    if file:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise WrongUse(f"--rules-file {file}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
        found += [line.strip() for line in lines if line.strip() and not f"{line} ".startswith("# ")]
    faults = ["one is empty"] if not all(rule.strip() for rule in found) else []
    faults += [f"{rule[:40]!r}... has {len(rule)} characters, at most {_LONGEST}"
               for rule in found if len(rule) > _LONGEST]
    faults += [f"{len(found)} rules, at most {_MOST}"] if len(found) > _MOST else []
    if faults:
        raise WrongUse("rules: " + "; ".join(faults))
    return found


def _refuse(errors: Sequence[dict[str, object]]) -> None:
    # A duplicate is a rule that somebody added in the meantime.
    bad = [e for e in errors if e.get("title") != "DuplicateRule"]
    if bad:
        raise IngestError("the platform refuses rules: " + "; ".join(
            f"{e.get('value')!r}: {e.get('title')} {e.get('details') or e.get('detail') or ''}".strip() for e in bad))


def _slices(values: Sequence[str]) -> list[Sequence[str]]:
    return [values[i:i + _AT_ONCE] for i in range(0, len(values), _AT_ONCE)]
