"""Run by the command line's Python: what a user of a cluster file comes to, in JSON; an error by class and text."""
from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy import config, hdfs, yarn
from deploy.config import Cluster
from deploy.errors import HashtideError
from deploy.tables import Tables
from spark_apps import kerberos
from spark_apps.clock import Clock
from spark_apps.contract import StreamPaths
from spark_apps.ingest import landing

PATHS = StreamPaths("hashtags")
FILE = f"{PATHS.control}/desired.json"
APP = {"application-name": "of a test", "application-type": "TEST", "queue": "streaming", "max-app-attempts": 1,
       "am-container-spec": {"commands": {"command": "sleep 1"}}, "resource": {"memory": 256, "vCores": 1}}


def tries(cluster: Cluster) -> dict[str, Callable[[], Any]]:
    files, rm = hdfs.Client(cluster), yarn.Client(cluster)

    def superuser() -> str:
        files.mkdirs(cluster.root, "750")
        files.set_owner(cluster.root, "hashtide")
        return str((files.status(cluster.root) or {})["owner"])

    def exclusive() -> list[Any]:
        return [files.create_exclusive(FILE, {"launch": n}) for n in (1, 2)] + [files.read_json(FILE)]

    def replace() -> Any:
        files.write_json(FILE, {"state": "running"})
        return files.read_json(FILE)

    def land() -> list[str]:
        ticket = kerberos.Negotiate(cluster.spark.keytab, cluster.spark.principal)
        target = landing.Landing(landing.connect(list(cluster.hdfs.webhdfs), "", 1, ticket), PATHS, Clock())
        with tempfile.TemporaryDirectory() as spool:
            path = Path(spool) / "1772359200000-1772359200000-x-0123456789ab.jsonl"
            path.write_bytes(b"{}\n")
            target.land(path)
        return files.list(PATHS.landing_hour(1772359200000))

    def table() -> list[dict[str, Any]]:
        import pyarrow
        from deltalake import write_deltalake

        tables = Tables(cluster, "hashtags", files)
        assert tables.open_table("ledger") is None
        write_deltalake(f"{cluster.hdfs.default_fs}{PATHS.table('ledger')}", pyarrow.table({"n": [1, 2]}))
        return list(tables.open_table("ledger").to_pyarrow_table().to_pylist())

    def submit() -> str:
        app = rm._request("POST", "/apps/new-application").json()["application-id"]
        # It answers without JSON, which is no answer of a ResourceManager to the client's own requests.
        answer = rm._http.post(f"{rm.urls[0]}/ws/v1/cluster/apps", json={**APP, "application-id": app}, timeout=20)
        return f"{app} {answer.status_code}"

    def kill(app: str) -> str:
        rm.kill(app)
        end = time.monotonic() + 30
        while (found := rm.app(app)) and found.live and time.monotonic() < end:
            time.sleep(0.2)
        return found.state if found else "forgotten"

    return {
        "list": lambda: files.list(cluster.root), "superuser": superuser, "exclusive": exclusive, "replace": replace,
        "land": land, "table": table, "submit": submit, "info": lambda: rm.info()["state"],
        "apps": lambda: [app.id for app in rm.apps()],
        **{word: lambda word=word: kill(word.removeprefix("kill:")) for word in sys.argv if word.startswith("kill:")}}


def outcome(what: Callable[[], Any]) -> Any:
    try:
        return what()
    except HashtideError as error:
        return f"{type(error).__name__}: {error}"
    except landing.FAULTS as error:
        return landing.reason(error)


if __name__ == "__main__":
    all_of_them = tries(config.load(sys.argv[1]))
    print(json.dumps({name: outcome(all_of_them[name]) for name in sys.argv[2:]}))
