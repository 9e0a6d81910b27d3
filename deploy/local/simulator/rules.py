"""The rules endpoints: list, add, delete, dry runs, and the platform's words for what is wrong.

https://docs.x.com/x-api/posts/update-stream-rules
"""
from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

Json = dict[str, Any]

_PROBLEMS = "https://api.twitter.com/2/problems"
_LONGEST = 1024


class Rules:
    """Rules of the one application that this simulator knows."""

    def __init__(self) -> None:
        self.all: list[Json] = []
        self._next = 1_500_000_000_000_000_001

    def listing(self) -> Json:
        found: Json = {"data": list(self.all)} if self.all else {}
        return {**found, "meta": {"sent": _now(), "result_count": len(self.all)}}

    def change(self, body: Any, dry_run: bool) -> tuple[int, Json]:
        """HTTP status and answer to a POST."""
        if isinstance(body, dict) and isinstance(body.get("add"), list):
            return 201, self._add(body["add"], dry_run)
        ids = body.get("delete", {}).get("ids") if isinstance(body, dict) else None
        if isinstance(ids, list):
            return 200, self._delete([str(i) for i in ids], dry_run)
        return 400, {"title": "Invalid Request", "type": f"{_PROBLEMS}/invalid-request", "status": 400,
                     "detail": "One or more parameters to your request was invalid: expected `add` or `delete.ids`."}

    def _add(self, wanted: list[Any], dry_run: bool) -> Json:
        made: list[Json] = []
        errors: list[Json] = []
        for rule in wanted:
            value = rule.get("value") if isinstance(rule, dict) else None
            same = next((r for r in [*self.all, *made] if r["value"] == value), None)
            if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST:
                errors.append({"title": "InvalidRule", "type": f"{_PROBLEMS}/invalid-rules", "value": value,
                               "details": [f"Rules must have 1 to {_LONGEST} characters."]})
            elif same:
                errors.append({"title": "DuplicateRule", "type": f"{_PROBLEMS}/duplicate-rules", "value": value,
                               "id": same["id"]})
            else:
                made.append({"value": value, "id": str(self._next),
                             **({"tag": rule["tag"]} if rule.get("tag") else {})})
                self._next += 1
        if not dry_run:
            self.all += made
        summary = {"created": len(made), "not_created": len(errors), "valid": len(made), "invalid": len(errors)}
        answer: Json = {"data": made} if made else {}
        return {**answer, "meta": {"sent": _now(), "summary": summary}, **({"errors": errors} if errors else {})}

    def _delete(self, ids: list[str], dry_run: bool) -> Json:
        known = {rule["id"] for rule in self.all}
        gone = known & set(ids)
        missing = [i for i in ids if i not in known]
        if not dry_run:
            self.all = [rule for rule in self.all if rule["id"] not in gone]
        errors = [{"title": "Not Found Error", "type": f"{_PROBLEMS}/resource-not-found", "value": i,
                   "detail": f"Rule does not exist: {i}"} for i in missing]
        return {"meta": {"sent": _now(), "summary": {"deleted": len(gone), "not_deleted": len(missing)}},
                **({"errors": errors} if errors else {})}


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
