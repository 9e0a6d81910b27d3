"""DAG hashtag_hourly."""
from __future__ import annotations

from datetime import datetime, timezone

from airflow.sdk import DAG, CronDataIntervalTimetable, get_current_context, task, task_group

from deploy.airflow import forms, work
from deploy.airflow.seal_operator import LandingOperator, SealOperator
from deploy.airflow.verify_operator import VerifyOperator

DOC = """
### What it does
Seals the hour of its data interval: waits until all that arrived is landed, runs the batch on YARN, replaces the hour
in `counts` and writes its ledger row. A scheduled run seals every stream that has anything in that hour.
Then `verify` compares the hour, row by row, with what the stream counted and with a fresh run of the batch, made by the
same application. Each difference needs a reason: late, other_version, purged, seam, incomplete.

Backfill (the button, or `airflow backfill create --dag-id hashtag_hourly --from-date ... --to-date ...
--reprocess-behavior completed`) seals each hour of a range again: same lines, same rows, the same revision;
later lines, a higher revision. Never a duplicate.

### When not to use it
* For many hours at once: `hashtag_backfill` with a range seals them in one application.
* To repair the stream: the seal needs landing, never the stream; a parked stream does not hold it up.

### States
| state | meaning |
| --- | --- |
| success | sealed; the XCom of `each.seal` holds revision, rows and fates of the lines |
| skipped | no stream has anything in this hour |
| `landing` deferred | not all is landed; after 90 minutes the hour is sealed as incomplete, with the gap named |
| `seal` deferred | the batch runs; *YARN application* leads to it |
| `seal` scheduled, for long | pool `yarn_batch` is taken: one batch at a time |
| `verify` failed | rows differ and nothing explains them; its log lists them. The seal stays, nothing is retried |
| up for retry, failed | the application failed or left no result; the log names both |

### At night
A failed hour stays in `counts_live`; nobody sees a hole. Mend the cause and clear the run: the same hour is sealed.
Where `verify` failed, `deploy/hashtide verify --from <hour>` shows the rows; the sealed counts come from landing and
are what readers get, so look at the stream first. Clearing `verify` runs it anew in an application of its own.
An hour sealed as incomplete is taken care of by the nightly `hashtag_backfill` as soon as its lines are landed.
"""

with DAG("hashtag_hourly", description="Seal the hour and verify it",
         schedule=CronDataIntervalTimetable("0 * * * *", timezone="UTC"),
         start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), catchup=False, max_active_runs=4, doc_md=DOC,
         tags=["hashtide", "batch"], params={"stream": forms.stream()},
         default_args={"owner": "hashtide", "retries": 3, "retry_delay": 120}):

    @task
    def hours() -> list[dict]:
        return work.hourly(get_current_context())

    @task_group
    def each(stream: str, first: str, last: str) -> None:
        landing = LandingOperator(task_id="landing", stream=stream, first=first, last=last)
        seal = SealOperator(task_id="seal", stream=stream, first=first, last=last, pool="yarn_batch", then_verify=True)
        # A second look at what nothing explains finds the same.
        verify = VerifyOperator(task_id="verify", stream=stream, first=first, last=last, pool="yarn_batch", retries=0)
        landing >> seal >> verify

    each.expand_kwargs(hours())
