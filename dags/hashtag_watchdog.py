"""DAG hashtag_watchdog."""
from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, CronTriggerTimetable, task

from deploy.airflow import work

DOC = """
### What it does
Every 5 minutes, for each provisioned stream: exactly one live application where it should run, none where it should
not. It kills applications of older epochs and those whose stop is overdue, asks a driver that should not run to stop,
and triggers `hashtag_stream` for a stream that should run and that no task holds.

### When not to use it
Never needs a hand. To start or stop a stream use `hashtag_stream` and `deploy/hashtide stream stop`.

### States
| state | meaning |
| --- | --- |
| success, `hold` skipped | every stream is as it should be, or nothing could be concluded: the log of `watch` says |
| success, `hold` ran | a stream was without a holder; the link leads to the run that holds it now |
| `watch` failed | HDFS or YARN does not answer, or holds something unexpected; the log names it. Nothing is touched |
| `hold` failed | `hashtag_stream` is paused: a stream is without a holder until it is switched on |

### At night
Nothing to do for a single failed run. `hold` triggering the same stream run after run: look at those runs of
`hashtag_stream`, they say why they end. Paused: streams go on, but nobody finds one that lost its holder.
"""

with DAG("hashtag_watchdog", description="Exactly one application for each stream that should run",
         schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
         start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), catchup=False, max_active_runs=1,
         dagrun_timeout=timedelta(minutes=15), doc_md=DOC, tags=["hashtide", "stream"],
         # The next run is the retry.
         default_args={"owner": "hashtide", "retries": 0}):

    @task
    def watch() -> list[dict]:
        return work.watch()

    TriggerDagRunOperator.partial(
        task_id="hold", trigger_dag_id="hashtag_stream", logical_date=None, fail_when_dag_is_paused=True,
        openlineage_inject_parent_info=False,
    ).expand(conf=watch())
