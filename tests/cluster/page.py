"""What the page in Airflow says of a stream, asked as its own script asks."""
from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.cluster.laptop import Laptop
from tests.cluster.waiting import until

#: Within so many seconds the page says what has happened.
SHOWN_S = 60


@dataclass(frozen=True)
class AirflowPage:
    base: str
    token: str

    @classmethod
    def of(cls, machine: Laptop) -> AirflowPage:
        """As the user of the cluster file."""
        airflow = machine.cluster.airflow
        answer = requests.post(f"{airflow.url}/auth/token", timeout=30, json={
            "username": airflow.user, "password": Path(airflow.password_file).read_text().strip()})
        return cls(airflow.url.rstrip("/"), str(answer.json()["access_token"]))

    def ask(self, view: str, stream: str, **more: Any) -> Any:
        """None where it has a banner instead."""
        answer = requests.get(f"{self.base}/hashtide/api/{view}", params={"stream": stream, **more}, timeout=60,
                              headers={"Authorization": f"Bearer {self.token}"})
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def await_words(self, words: str, since: float, view: str, stream: str, **more: Any) -> float:
        """Seconds from `since` (monotonic) until they stand there; AssertionError after SHOWN_S."""
        left = max(5.0, SHOWN_S - (time.monotonic() - since))
        until(lambda: words in json.dumps(self.ask(view, stream, **more), ensure_ascii=False), left,
              f"{view} to say {words!r}")
        return time.monotonic() - since
