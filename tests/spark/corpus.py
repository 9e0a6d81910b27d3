"""Tens of thousands of records with every oddity and poison among them, in batches on both sides of an hour's end.

Which copy of a tweet comes first is certain: of the versions that would share a batch all but one come in the next.
"""
from __future__ import annotations

import itertools
import json
import random
from collections import defaultdict
from collections.abc import Iterator

from deploy.local.simulator.generator import Generator
from spark_apps.contract import HOUR_MS, MINUTE_MS
from tests import oracle
from tests.spark.landing import NOW, snowflake, v2
from tests.spark.odd import LONG, ODD, POISON, own, scrambled
from tests.spark.streams import LocalStream

FROM, SPAN_MS, BATCHES, FILE_MS = NOW - 22 * MINUTE_MS, 48 * MINUTE_MS, 4, 9_000
HOURS = (NOW - HOUR_MS, NOW)
Batch = list[tuple[int, bytes]]


def batches(seed: int, tweets: int, edits_change_tags: bool) -> list[Batch]:
    """(arrival, line) of each batch. Of a hundred tweets one is an oddity or poison, and each oddity is there."""
    generator, pick = Generator(seed, edits_change_tags), random.Random(seed)
    odd = [*ODD, *LONG, *pick.choices(POISON, k=max(0, tweets // 100 - len(ODD) - len(LONG)))]
    pick.shuffle(odd)
    every, found = tweets // len(odd), [Batch() for _ in range(BATCHES)]
    for n in range(tweets):
        now, batch = FROM + n * SPAN_MS // tweets, found[n * BATCHES // tweets]
        batch.append((now, generator.next(now)))
        if n % every == 0 and odd:
            batch.append((now, own(odd.pop(), now, n, pick)))
        if n % 10 == 0:
            batch.append((now, v2(id=snowflake(now, n), text=scrambled(pick), entities=None)))
    assert not odd
    return _one_version_a_batch(found, pick)


def _one_version_a_batch(found: list[Batch], pick: random.Random) -> list[Batch]:
    for n, batch in enumerate(found):
        seen: dict[str, set[int]] = defaultdict(set)
        for chain in filter(None, (_chain(value) for _, value in batch)):
            seen[chain[0]].add(chain[1])
        stays = {identity: pick.choice(sorted(versions)) for identity, versions in seen.items() if len(versions) > 1}
        moved = [value for _, value in batch if (chain := _chain(value)) and stays.get(chain[0], chain[1]) != chain[1]]
        batch[:] = [(at, value) for at, value in batch
                    if not (chain := _chain(value)) or stays.get(chain[0], chain[1]) == chain[1]]
        if n + 1 < BATCHES:
            begin = found[n + 1][0][0]
            found[n + 1] = sorted([*((begin + pick.randrange(MINUTE_MS), value) for value in moved), *found[n + 1]],
                                  key=lambda one: one[0])
    return found


def _chain(value: bytes) -> tuple[str, int] | None:
    """(identity, version) of one of the generator's own records."""
    if not value.startswith(b'{"data":{"id":') or b"edit_history" not in value:
        return None
    data = json.loads(value)["data"]
    history = data.get("edit_history_tweet_ids") or data.get("edit_history_post_ids")
    return history[0], len(history)


def land(stream: LocalStream, batch: Batch, pick: random.Random) -> Iterator[oracle.Line]:
    """Files of two connections: each record on one of them, some on both, which arrive together."""
    cuts = itertools.groupby(batch, key=lambda one: (one[0] // HOUR_MS, (one[0] - FROM) // FILE_MS))
    for whole in (list(group) for _, group in cuts):
        held: dict[str, list[bytes]] = {"a": [], "b": []}
        for _, value in whole:
            for source in pick.choice(("a", "a", "b", "ab")):
                held[source].append(value)
        for source in filter(held.get, held):
            before = len(stream.lines)
            stream.land(held[source], whole[0][0], whole[-1][0], f"{before:x}", source)
            yield from stream.lines[before:]
