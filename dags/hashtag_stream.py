"""DAG hashtag_stream."""
from __future__ import annotations

from airflow.sdk import DAG

from deploy.airflow import forms
from deploy.airflow.operator import HashtagStreamOperator

DOC = """
### What it does
Submits the stream to YARN, or adopts the driver that runs already, and holds it: the task is deferred as long as the
stream runs, and submits it again when its application ends. One run holds a stream; another ends at once as skipped.

### When not to use it
* To stop a stream: `deploy/hashtide stream stop --stream NAME`. It finishes its batch, and this task succeeds.
* To change parameters of a running stream: stop it, then trigger with the new ones.
* For a stream that was never provisioned: run `hashtag_provision` first.

### States
| state | meaning |
| --- | --- |
| deferred | the stream is held; *YARN application* and *Spark UI* lead to it; restarts stay in the same try |
| success | somebody asked for its end, and it ended |
| skipped | another run holds the stream, or took it over |
| failed | parked: the restarts are used up, or another try cannot help. The last line of the log says why |
| up for retry | the worker was lost; the next try adopts the application |

Clearing the task restarts the driver. Marking it failed, success or skipped kills the driver and keeps it stopped.
Airflow's own restarts leave the driver alone; if nobody holds the stream for 90 s, the watchdog starts a run that does.

### At night
1. `deploy/hashtide stream status --stream NAME` says what is wrong in one line.
2. Failed with `bad_configuration`, `missing_class` or `incompatible_checkpoint`: mend that, then trigger this DAG.
   A trigger gives it a new budget of restarts. It goes on from its checkpoint; nothing is lost while landing is kept.
3. Failed with `ends within 10 min`: look at the application's log by the button; memory and a bad node come first.
4. Deferred, and the log says `waiting`: HDFS or YARN is down. Mend that; the stream comes back by itself.
"""

with DAG("hashtag_stream", description="Submit a stream and keep it running", schedule=None, catchup=False, doc_md=DOC,
         tags=["hashtide", "stream"], params=forms.streaming(),
         # More than the people who may press at once: a run that finds a holder must not queue behind it.
         max_active_runs=1_000, allowed_run_types=["manual", "operator_triggered"],
         # A lost worker, not an ended driver: that is restarted within a try.
         default_args={"owner": "hashtide", "retries": 3, "retry_delay": 30}) as dag:
    HashtagStreamOperator(
        task_id="hold", stream="{{ params.stream }}", trigger_seconds="{{ params.trigger_seconds }}",
        max_files="{{ params.max_files }}", watermark_minutes="{{ params.watermark_minutes }}",
        release="{{ params.release }}", yarn_queue="{{ params.queue }}", executors="{{ params.executors }}",
        executor_memory="{{ params.executor_memory }}", mode="{{ params.mode }}",
        savepoint="{{ params.savepoint }}", reason="{{ params.reason }}")
