"""Batch compliance jobs: ids go up, and down come those whose tweets are to be deleted.

https://docs.x.com/x-api/compliance/batch-compliance/introduction
"""
from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.local.simulator.generator import iso
from deploy.local.simulator.wire import Answer, Request, invalid, problem

Json = dict[str, Any]

JOBS, FILES = "/2/compliance/jobs", "/simulator/compliance"
_EXPIRES_S, _WORKS_S = 900.0, 2.0
_KINDS = ("tweets", "users")
_EVENT_LATER_MS = 1_000


@dataclass
class Job:
    made: Json
    key: str                       # of the addresses, which need no token, as those of a storage do not
    began: float
    uploaded: float | None = None
    failed: bool = False
    ids: list[str] = field(default_factory=list)


class Compliance:
    """`deleted`: when which tweet was. Seconds take `scale` seconds of ours."""

    def __init__(self, deleted: Mapping[str, int], scale: float = 1.0) -> None:
        self._deleted, self._scale = deleted, scale
        self._jobs: dict[str, Job] = {}
        self._next = 1_800_000_000_000_000_001

    def api(self, request: Request, now_ms: int) -> Answer | None:
        """None where it is no request to jobs."""
        if request.path == JOBS and request.method == "POST":
            return self._create(request, now_ms)
        if request.path == JOBS and request.method == "GET":
            return self._list(request)
        if request.path.startswith(JOBS + "/") and request.method == "GET":
            job = self._jobs.get(request.path.rpartition("/")[2])
            return Answer(200, {"data": self._told(job)}) if job else problem(404, "Not Found", "no such job")
        return None

    def file(self, request: Request, now_ms: int) -> Answer:
        """The addresses of upload and download."""
        number, _, what = request.path.removeprefix(FILES + "/").partition("/")
        job = self._jobs.get(number)
        if job is None or not secrets.compare_digest(request.one("key"), job.key):
            return problem(403, "Forbidden", "the address has expired or is wrong")
        state = self._state(job)
        if (request.method, what) == ("PUT", "upload") and state == "created":
            ids = request.body.decode("utf-8", "replace").split()
            job.failed, job.ids, job.uploaded = not all(map(str.isdecimal, ids)), ids, time.monotonic()
            return Answer(200, "", kind="text/plain")
        if (request.method, what) == ("GET", "download") and state == "complete":
            return Answer(200, self._result(job), kind="application/octet-stream")
        return problem(404, "Not Found", f"{what} of a job that is {state}")

    def _create(self, request: Request, now_ms: int) -> Answer:
        asked = request.json()
        kind = asked.get("type") if isinstance(asked, dict) else None
        if kind not in _KINDS:
            return invalid("type", str(kind), "must be one of tweets, users")
        if any(self._state(job) in ("created", "in_progress") and job.made["type"] == kind for job in
               self._jobs.values()):
            return problem(409, "ConflictingJob", f"a job of type {kind} is not finished; there can be one at a time")
        number, key = str(self._next), secrets.token_hex(8)
        self._next += 1
        there = f"http://{request.headers.get('host', '127.0.0.1')}{FILES}/{number}"
        expires = iso(now_ms + int(_EXPIRES_S * 1000))
        made = {"id": number, "type": kind, **({"name": asked["name"]} if asked.get("name") else {}),
                "resumable": bool(asked.get("resumable")), "created_at": iso(now_ms),
                "upload_url": f"{there}/upload?key={key}", "upload_expires_at": expires,
                "download_url": f"{there}/download?key={key}", "download_expires_at": iso(now_ms + 7 * 86_400_000)}
        self._jobs[number] = Job(made, key, time.monotonic())
        return Answer(200, {"data": self._told(self._jobs[number])})

    def _list(self, request: Request) -> Answer:
        kind, state = request.one("type"), request.one("status")
        if kind not in _KINDS:
            return invalid("type", kind, "must be one of tweets, users")
        told = [self._told(job) for job in self._jobs.values() if job.made["type"] == kind]
        found = [one for one in told if state in ("", one["status"])]
        return Answer(200, {**({"data": found} if found else {}), "meta": {"result_count": len(found)}})

    def _told(self, job: Job) -> Json:
        return {**job.made, "status": self._state(job)}

    def _state(self, job: Job) -> str:
        now = time.monotonic()
        if job.uploaded is None:
            return "expired" if now - job.began > _EXPIRES_S * self._scale else "created"
        if now - job.uploaded < _WORKS_S * self._scale:
            return "in_progress"
        return "failed" if job.failed else "complete"

    def _result(self, job: Job) -> str:
        """One line for each id with something to do; a tweet that is as it was has none."""
        lines = [{"id": one, "action": "delete", "created_at": iso((int(one) >> 22) + 1_288_834_974_657),
                  "redacted_at": iso(self._deleted[one] + _EVENT_LATER_MS), "reason": "deleted"}
                 for one in job.ids if one in self._deleted]
        return "".join(json.dumps(line) + "\n" for line in lines)
