"""Everything that can go wrong with the platform: the name in a script, and the class that does it."""
from __future__ import annotations

from deploy.local.simulator.faults import answers, changes, connections, contents, delivery
from deploy.local.simulator.faults.base import Fault

__all__ = ["FAULTS", "Fault"]

FAULTS: dict[str, type[Fault]] = {
    "silence": connections.Silence,
    "keep_alives_only": connections.KeepAlivesOnly,
    "reset": connections.Reset,
    "no_last_chunk": connections.NoLastChunk,
    "close": connections.Close,
    "operational_disconnect": connections.OperationalDisconnect,
    "too_many_connections": answers.TooManyConnections,
    "rate_limit": answers.RateLimit,
    "http_502": answers.Http502,
    "http_503": answers.Http503,
    "http_401": answers.Http401,
    "http_403": answers.Http403,
    "slow_reader": connections.SlowReader,
    "duplicate": delivery.Duplicate,
    "duplicate_across": delivery.DuplicateAcross,
    "two_connections": delivery.TwoConnections,
    "out_of_order": delivery.OutOfOrder,
    "late": delivery.Late,
    "malformed": contents.Malformed,
    "odd_fields": contents.OddFields,
    "edits": changes.Edits,
    "deletions": changes.Deletions,
    "retweets": contents.Retweets,
    "burst": delivery.Burst,
    "split_crlf": delivery.SplitCrlf,
    "refuse": connections.Refuse,
    "clock_ahead": delivery.ClockAhead,
    "spellings": contents.Spellings,
}
for _name, _class in FAULTS.items():
    _class.name = _name
