"""DAG hashtag_watchdog."""
from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, CronTriggerTimetable, Param, get_current_context, task

from deploy import holding
from deploy.airflow import late, work

DOC = """
### What it does
Every 5 minutes, for each provisioned stream: exactly one live application where it should run, none where it should
not. It kills applications of older epochs and those whose stop is overdue, asks a driver that should not run to stop,
and triggers `hashtag_stream` for a stream that should run and that no task holds. Beside it `alert` tells by mail or
webhook of what an operator should know, once, and of its end once, by the rules of `deploy/conf/alerts.toml`.

`dry_run` only lists in the log of `watch` what would be done; `deploy/hashtide watchdog --dry-run` does so without
Airflow.

### When not to use it
Never needs a hand. To start or stop a stream use `hashtag_stream` and `deploy/hashtide stream stop`.

### States
| state | meaning |
| --- | --- |
| success, `hold` skipped | every stream is as it should be, or it was a dry run: the log of `watch` says |
| success, `hold` ran | a stream was without a holder; the link leads to the run that holds it now |
| `watch` failed | HDFS does not answer, or holds something unexpected; the log names it. Nothing is touched |
| `decided` failed | about the streams that its log names nothing could be concluded; the others were seen to |
| `alert` failed | a notifier took nothing, or something could not be looked at: see its log. The next run tries again |
| `hold` failed | `hashtag_stream` is paused: a stream is without a holder until it is switched on |

### At night
Nothing to do for a single failed run. A run that has not ended in 10 minutes is told of as `watchdog`: see which task
waits. `decided` failing run after run: YARN or HDFS is down. `hold` triggering the
same stream run after run: look at those runs of `hashtag_stream`, they say why they end. Paused: streams go on, but
nobody finds one that lost its holder.
"""

with DAG("hashtag_watchdog", description="Exactly one application for each stream that should run",
         schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
         start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), catchup=False, max_active_runs=1,
         dagrun_timeout=timedelta(minutes=15), deadline=late.deadline(), doc_md=DOC, tags=["hashtide", "stream"],
         params={"dry_run": Param(False, "Only list what would be done, in the log of `watch`", type="boolean",
                                  title="Dry run")},
         # The next run is the retry.
         default_args={"owner": "hashtide", "retries": 0}):

    @task
    def watch() -> list[dict]:
        return work.watch(get_current_context())

    # Beside `hold`, not behind it: a leaf that fails fails the run, whatever became of the other.
    @task
    def decided() -> None:
        work.decided(get_current_context())

    # Of its own: whoever cannot be told must not keep a stream from being held.
    @task
    def alert() -> None:
        work.alert(get_current_context())

    alert()
    watched = watch()
    watched >> decided()
    TriggerDagRunOperator.partial(
        task_id="hold", trigger_dag_id="hashtag_stream", logical_date=None, fail_when_dag_is_paused=True,
        openlineage_inject_parent_info=False,
        # By its name the run knows that no person asked for it, and leaves what was stopped meanwhile as it is.
        trigger_run_id=holding.AUTOMATIC + "{{ run_id }}__{{ ti.map_index }}",
    ).expand(conf=watched)
