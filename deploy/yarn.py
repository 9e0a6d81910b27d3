"""YARN by the ResourceManager's REST API: a list of RMs, each request tried at the next where one cannot serve it.

https://hadoop.apache.org/docs/current/hadoop-yarn/hadoop-yarn-site/ResourceManagerRest.html
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import requests

from deploy import tickets
from deploy.config import Cluster
from deploy.errors import HashtideError, Unreachable
from spark_apps.contract import check_stream, epoch_tag
from spark_apps.kerberos import TicketError

TIMEOUTS = (3, 20)

#: YARN's states of an application that may still run code.
LIVE = ("NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING")
TERMINAL = ("FINISHED", "FAILED", "KILLED")


@dataclass(frozen=True)
class Application:
    """One application as the RM reports it."""

    id: str
    state: str
    final_status: str = "UNDEFINED"
    tags: frozenset[str] = frozenset()
    diagnostics: str = ""
    started_ms: int = 0
    finished_ms: int = 0
    name: str = ""
    queue: str = ""
    tracking_url: str = ""
    am_host_http_address: str = ""
    am_container_logs: str = ""

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def dying(self) -> bool:
        """Its driver said how it ended, YARN has not yet said that it is over."""
        return self.live and self.final_status != "UNDEFINED"

    def epoch(self, stream: str) -> int:
        """The epoch that its tag names; 0 where it carries none of this stream."""
        prefix = epoch_tag(check_stream(stream), 0)[:-1]
        numbers = [tag[len(prefix):] for tag in self.tags if tag.startswith(prefix)]
        return next((int(n) for n in numbers if n.isdigit()), 0)

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Application:
        tags = frozenset(t for t in str(raw.get("applicationTags") or "").split(",") if t)
        return cls(
            id=raw["id"], state=raw["state"], final_status=raw.get("finalStatus") or "UNDEFINED", tags=tags,
            diagnostics=str(raw.get("diagnostics") or "").strip(), started_ms=int(raw.get("startedTime") or 0),
            finished_ms=int(raw.get("finishedTime") or 0), name=raw.get("name") or "", queue=raw.get("queue") or "",
            tracking_url=raw.get("trackingUrl") or "", am_host_http_address=raw.get("amHostHttpAddress") or "",
            am_container_logs=raw.get("amContainerLogs") or "")


class Client:
    """Unreachable where no RM answers: the state of applications is then unknown, not dead."""

    def __init__(self, cluster: Cluster) -> None:
        self.urls = list(cluster.yarn.resourcemanagers)
        self.user = cluster.hdfs.user
        self._cluster = cluster
        self._http = tickets.session(cluster)

    # raw endpoints

    def _get(self, path: str, **params: str) -> requests.Response:
        return self._request("GET", path, params=params)

    def _request(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        said: list[str] = []
        for url in list(self.urls):
            try:
                answer = self._http.request(method, f"{url}/ws/v1/cluster{path}", timeout=TIMEOUTS,
                                            headers={"Accept": "application/json"}, allow_redirects=False, **kwargs)
            except requests.RequestException as error:
                said.append(f"{url} {type(error).__name__}")
                continue
            except TicketError as error:
                raise tickets.of(error, self._cluster) from None
            if answer.status_code == 401:
                raise tickets.lacking(f"YARN at {url}")
            # A standby answers 307 to the active one, or that there is none in plain text; an RM that is starting 503.
            if 300 <= answer.status_code < 400 or answer.status_code >= 500 or (answer.ok and not _is_json(answer)):
                said.append(f"{url} answered {answer.status_code}{'' if _is_json(answer) else ' and no JSON'}")
                continue
            self.urls.sort(key=lambda other, first=url: other != first)  # type: ignore[misc]
            return answer
        raise Unreachable(f"no ResourceManager serves: {'; '.join(said)}; applications are unknown, not dead")

    # verbs

    def apps(self, tag: str | None = None, states: Iterable[str] = ()) -> list[Application]:
        """Applications that carry the tag (YARN lower-cases tags), oldest first."""
        params = {"applicationTags": tag.lower()} if tag else {}
        if wanted := ",".join(states):
            params["states"] = wanted
        found = self._apps(params)
        if not any(app.live for app in found):
            # An RM that has just come back answers before it has recovered its applications; so ask again after that.
            self._check_recovered()
            found = self._apps(params)
        return found

    def _apps(self, params: dict[str, str]) -> list[Application]:
        raw = _json(self._get("/apps", **params)).get("apps") or {}
        return sorted((Application.of(app) for app in raw.get("app") or []), key=lambda app: (app.started_ms, app.id))

    def _check_recovered(self) -> None:
        state = self.info().get("haState", "ACTIVE")
        if state != "ACTIVE":
            raise Unreachable(f"no ResourceManager serves: {self.urls[0]} is {state} and may not have recovered its "
                              "applications; they are unknown, not dead")

    def app(self, app_id: str) -> Application | None:
        """None where the RM knows no such application (any more)."""
        answer = self._get(f"/apps/{app_id}")
        return None if answer.status_code == 404 else Application.of(_json(answer)["app"])

    def attempts(self, app_id: str) -> list[dict[str, Any]]:
        """The RM's appAttempt objects (id, startTime, containerId, logsLink), oldest first."""
        answer = self._get(f"/apps/{app_id}/appattempts")
        if answer.status_code == 404:
            return []
        found = (_json(answer).get("appAttempts") or {}).get("appAttempt") or []
        return sorted(found, key=lambda attempt: int(attempt.get("id") or 0))

    def kill(self, app_id: str) -> None:
        """Asks for it; whoever needs the end waits for a terminal state."""
        answer = self._request("PUT", f"/apps/{app_id}/state", json={"state": "KILLED"})
        if answer.status_code not in (200, 202, 404):
            raise HashtideError(f"YARN does not kill {app_id}: {answer.status_code} {_reason(answer)}")

    def info(self) -> dict[str, Any]:
        return dict(_json(self._get("/info"))["clusterInfo"])

    def metrics(self) -> dict[str, Any]:
        return dict(_json(self._get("/metrics"))["clusterMetrics"])

    def queues(self) -> dict[str, dict[str, Any]]:
        """Leaf and parent queues by name, as the scheduler reports them."""
        found: dict[str, dict[str, Any]] = {}
        todo = [_json(self._get("/scheduler"))["scheduler"]["schedulerInfo"]]
        while todo:
            queue = todo.pop()
            found[str(queue.get("queueName"))] = queue
            todo += (queue.get("queues") or {}).get("queue") or []
        return found


def _is_json(answer: requests.Response) -> bool:
    return "json" in answer.headers.get("Content-Type", "")


def _json(answer: requests.Response) -> dict[str, Any]:
    if not answer.ok:
        raise HashtideError(f"YARN: {answer.url.split('?')[0]} answered {answer.status_code}: {_reason(answer)}")
    try:
        return dict(answer.json())
    except ValueError:
        raise Unreachable(f"YARN: {answer.url.split('?')[0]} did not answer JSON; is it a ResourceManager?") from None


def _reason(answer: requests.Response) -> str:
    try:
        return " ".join(str(answer.json()["RemoteException"]["message"]).split())[:300]
    except (ValueError, KeyError, TypeError):
        return " ".join(answer.text.split())[:200]
