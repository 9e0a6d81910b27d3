"""DAG hashtag_stream."""
from __future__ import annotations

from airflow.sdk import DAG

from deploy.airflow import forms
from deploy.airflow.operator import HashtagStreamOperator

DOC = """
### What it does
Submits the stream to YARN, or adopts the driver that runs already, and holds it: the task is deferred as long as the
stream runs, and submits it again when its application ends. One run holds a stream; another ends at once as skipped.

Mode `resume` goes on from the checkpoint, at once. Modes `savepoint` and `fresh` say what they will do and wait for
approval under *Required Actions*; then the stream stops, the next generation is opened, and it runs again. Rejected, or
not answered within a day, nothing is changed.

Engine `classic` counts by DStreams, which Spark calls legacy: no event time, no late tweets, no de-duplication. It is
for comparing and teaching, in a stream of its own that counts the *landing of* another. A stream keeps its engine. It
is held, restarted and stopped as any other, and goes on from its checkpoint; savepoint and fresh are for `structured`.

### When not to use it
* To stop a stream: `deploy/hashtide stream stop --stream NAME`. It finishes its batch, and this task succeeds.
* To change parameters of a running stream: stop it, then trigger with the new ones.
* For a stream that was never provisioned: run `hashtag_provision` first.
* Mode `fresh` for a stream that merely fails: what it would count again is dropped, or left to a backfill.

### States
| state | meaning |
| --- | --- |
| deferred | the stream is held; restarts stay in the same try |
| awaiting input | a savepoint or a fresh start waits for approval; the stream goes on meanwhile |
| success | somebody asked for its end, and it ended |
| skipped | another run holds the stream, or took it over, or it was not approved: XCom `outcome` and the note say so |
| failed | parked, or a parameter is not allowed. The last line of the log, XCom `outcome` and the run's note say why |
| up for retry | the worker was lost; the next try adopts the application, or goes on with what was approved |

*YARN application*, *Spark UI*, *Driver logs* (of the newest attempt) and *Checkpoint* lead on while it is deferred. How
the stream is stands in XCom `health`, and for all streams in the state store of asset `hashtide_streams`: when the
verdict changes, and every two minutes.

Clearing the task restarts the driver. Marking it failed, success or skipped kills the driver and keeps it stopped.
Airflow's own restarts leave the driver alone; if nobody holds the stream for 90 s, the watchdog starts a run that does.

### At night
A parked stream is down until a person says how it goes on, and there are three ways; none needs a hand in a database:

1. Resume: mend the cause, then trigger this DAG with mode `resume`. It has a new budget of restarts and goes on from
   its checkpoint; nothing is lost while landing is kept.
2. Roll back: trigger with mode `savepoint` and the name of one (`deploy/hashtide checkpoint list --stream NAME`).
3. Leave it: `deploy/hashtide stream stop --stream NAME`.

Which one: `bad_configuration`, `missing_class` are mended by 1; `incompatible_checkpoint` and a batch that fails again
and again by 1 with the earlier release, or by 2. After `ends within 10 min` look at *Driver logs*; memory, a bad node
come first. Deferred, and the log says `waiting`: HDFS or YARN is down. Mend that; the stream comes back by itself.
"""

with DAG("hashtag_stream", description="Submit a stream and keep it running", schedule=None, catchup=False, doc_md=DOC,
         tags=["hashtide", "stream"], params=forms.streaming(),
         # More than may ever press at once: a run that finds a holder ends, and must not queue behind it.
         max_active_runs=1_000, allowed_run_types=["manual", "operator_triggered"],
         # A lost worker, not an ended driver: that is restarted within a try.
         default_args={"owner": "hashtide", "retries": 3, "retry_delay": 30}) as dag:
    HashtagStreamOperator(
        task_id="hold", stream="{{ params.stream }}", trigger_seconds="{{ params.trigger_seconds }}",
        max_files="{{ params.max_files }}", watermark_minutes="{{ params.watermark_minutes }}",
        release="{{ params.release }}", yarn_queue="{{ params.queue }}", executors="{{ params.executors }}",
        executor_memory="{{ params.executor_memory }}", engine="{{ params.engine }}",
        window_seconds="{{ params.window_seconds }}", slide_seconds="{{ params.slide_seconds }}",
        landing="{{ params.landing }}", mode="{{ params.mode }}",
        savepoint="{{ params.savepoint }}", reason="{{ params.reason }}")
