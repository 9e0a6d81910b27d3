"""DAG hashtag_related."""
from __future__ import annotations

from datetime import datetime, timezone

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context, task

from deploy.airflow import forms, work
from deploy.airflow.analysis_operator import AnalysisOperator

DOC = """
### What it does
At 03:45 UTC: learns which hashtags go together, from the newest 24 sealed hours of every stream in service, by
FP-Growth on YARN, and replaces the table `related`: support, confidence and lift of each pair. By hand: from any
sealed hours.

Before, it learns from the first four fifths of the hours alone, hides a tag of each tweet of the others, and counts how
often ten associated tags have it, and how often the ten most popular do: `hit_rate_at_10` and `popularity_at_10` of the
XCom. Where association is no better, `deploy/hashtide related` says so.

### When not to use it
* For hours that are not sealed: their lines may still come.
* For hours whose lines are no longer in landing or archive: they are left out, and named in the result.

### States
| state | meaning |
| --- | --- |
| success | `related` is replaced; the XCom of `learn` has hours, rules and both hit rates |
| skipped | no stream is in service, or it has less than two sealed hours; the log says which |
| `learn` deferred | the batch runs; *YARN application* leads to it |
| `learn` scheduled, for long | pool `yarn_batch` is taken: one batch at a time |
| failed | a parameter is out of range, the application failed, or it left no result; the log names which |

### At night
Nothing waits for it: readers keep the table as it was. Clear the failed run in the morning.
"""

with DAG("hashtag_related", description="Learn which hashtags go together",
         schedule=CronTriggerTimetable("45 3 * * *", timezone="UTC"),
         start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), catchup=False, max_active_runs=2, doc_md=DOC,
         tags=["hashtide", "batch"],
         params={"stream": forms.stream(),
                 "from": forms.hour("From", "First sealed hour (UTC) such as 2026-03-01T10; empty: the newest ones"),
                 "to": forms.hour("To", "Last hour, included; empty: only the first"),
                 "newest": forms.whole("Hours", "How many of the newest sealed hours, where none is named", 24, 744),
                 "min_tweets": forms.whole("Tweets", "Tags in fewer tweets together are not associated", 5),
                 "release": forms.release()},
         default_args={"owner": "hashtide", "retries": 2, "retry_delay": 300}):

    @task
    def streams() -> list[dict]:
        return work.related(get_current_context())

    AnalysisOperator.partial(task_id="learn", kind="related", pool="yarn_batch",
                             release="{{ params.release }}").expand_kwargs(streams())
