"""DAG hashtag_graph."""
from __future__ import annotations

from datetime import datetime, timezone

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context, task

from deploy.airflow import forms, work
from deploy.airflow.analysis_operator import AnalysisOperator

DOC = """
### What it does
At 04:15 UTC: makes the graph of the hashtags of the newest day that has sealed hours, of every stream in service. Two
tags are linked where enough tweets have both, and more often than chance has it. Spark's GraphX on YARN gives each tag
its PageRank, component and community (label propagation). The day is replaced in `graph_tags` and `graph_links`.
`deploy/hashtide graph` shows it, and draws it. By hand: any day.

### When not to use it
* For the strength of a link: the graph is unweighted, as GraphX's PageRank is; `related` has confidence and lift.
* For a day whose lines are no longer in landing or archive: its hours are left out, and named in the result.

### States
| state | meaning |
| --- | --- |
| success | the day is replaced; the XCom of `graph` has tags, links, components, communities and their modularity |
| skipped | no stream is in service, or the day has no sealed hour or no link; the log says which |
| `graph` deferred | the batch runs; *YARN application* leads to it |
| `graph` scheduled, for long | pool `yarn_batch` is taken: one batch at a time |
| failed | a parameter is out of range, the application failed, or it left no result; the log names which |

### At night
Nothing waits for it: readers keep the days that are there. Clear the failed run in the morning.
"""

with DAG("hashtag_graph", description="The graph of a day's hashtags",
         schedule=CronTriggerTimetable("15 4 * * *", timezone="UTC"),
         start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), catchup=False, max_active_runs=2, doc_md=DOC,
         tags=["hashtide", "batch"],
         params={"stream": forms.stream(),
                 "day": forms.day("Day", "Day (UTC) such as 2026-03-01; empty: the newest that has sealed hours"),
                 "min_tweets": forms.whole("Tweets", "Tags in fewer tweets together are not linked", 5),
                 "min_lift": forms.number("Lift", "Tags are linked that stand together so many times as often as "
                                          "chance has it", 2.0),
                 "release": forms.release()},
         default_args={"owner": "hashtide", "retries": 2, "retry_delay": 300}):

    @task
    def streams() -> list[dict]:
        return work.graph(get_current_context())

    AnalysisOperator.partial(task_id="graph", kind="graph", pool="yarn_batch",
                             release="{{ params.release }}").expand_kwargs(streams())
