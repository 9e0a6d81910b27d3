"""DAG hashtag_backfill."""
from __future__ import annotations

from datetime import datetime, timezone

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context, task, task_group

from deploy.airflow import forms, work
from deploy.airflow.seal_operator import LandingOperator, SealOperator

DOC = """
### What it does
At 03:15 UTC: seals again those of the last 24 hours for which later lines have arrived, of every stream in service.
By hand: seals any range of hours of one stream, both ends included, at most 744 hours, in one application.

### When not to use it
* For hours whose lines are no longer in landing: the seal would replace their counts by what is left.
* For the hour that is not over.

### States
| state | meaning |
| --- | --- |
| success | sealed; the XCom of `each.seal` lists each hour with its revision and whether it changed |
| skipped | no stream is in service |
| `landing` deferred | the last hours of the range are not landed yet |
| `seal` deferred | the batch runs; *YARN application* leads to it |
| failed | a parameter is out of range, the application failed, or it left no result; the log names which |

### At night
Nothing waits for it: the hours keep their earlier revision. Clear the failed run in the morning, or let the next night
do it.
"""

with DAG("hashtag_backfill", description="Seal again what later lines touched, or any range",
         schedule=CronTriggerTimetable("15 3 * * *", timezone="UTC"),
         start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), catchup=False, max_active_runs=2,
         doc_md=DOC, tags=["hashtide", "batch"],
         params={"stream": forms.stream(),
                 "from": forms.hour("From", "First hour (UTC) such as 2026-03-01T10; empty: the hours with late lines"),
                 "to": forms.hour("To", "Last hour, included; empty: only the first"),
                 "release": forms.release()},
         default_args={"owner": "hashtide", "retries": 3, "retry_delay": 300}):

    @task
    def hours() -> list[dict]:
        return work.again(get_current_context())

    @task_group
    def each(stream: str, first: str, last: str, late_within_hours: int) -> None:
        landing = LandingOperator(task_id="landing", stream=stream, first=first, last=last)
        landing >> SealOperator(task_id="seal", stream=stream, first=first, last=last, pool="yarn_batch",
                                late_within_hours=late_within_hours, release="{{ params.release }}")

    each.expand_kwargs(hours())
