"""DAG hashtag_provision."""
from __future__ import annotations

from airflow.sdk import DAG, task

from deploy.airflow import forms, work
from deploy.airflow.state import STREAMS

DOC = """
### What it does
Makes what a stream needs in HDFS before its first launch: directories with owner and modes, the snapshottable root, the
release of this checkout. Doing it again changes nothing; the task's XCom lists what it had to change.

### When not to use it
To start a stream: that is `hashtag_stream`. To empty one: nothing here deletes.

### States
| state | meaning |
| --- | --- |
| success | everything is as it should be |
| up for retry | HDFS does not answer or is in safe mode; it tries again for ten minutes |
| failed | the log's last line names the path and what HDFS said |

### At night
`snapshots need HDFS's superuser once`: a superuser runs the `hdfs dfsadmin -allowSnapshot` line that the error gives.
Nothing else here wakes anybody: running streams do not need it.
"""

with DAG("hashtag_provision", description="Directories, snapshots and release of a stream", schedule=None,
         catchup=False, doc_md=DOC, tags=["hashtide", "setup"], params={"stream": forms.stream()},
         max_active_runs=1, default_args={"owner": "hashtide", "retries": 5, "retry_delay": 60}):

    # Not of hashtag_stream's task: an asset that Airflow takes for inactive fails the task before it begins.
    @task(inlets=[STREAMS])
    def provision(params: dict | None = None) -> list[str]:
        return work.provision_stream((params or {})["stream"])

    provision()
