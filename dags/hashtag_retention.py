"""DAG hashtag_retention."""
from __future__ import annotations

from datetime import datetime, timezone

from airflow.sdk import DAG, CronTriggerTimetable, Param, get_current_context, task

from deploy.airflow import forms, retire_operator
from deploy.airflow.retire_operator import RetireOperator

DOC = """
### What it does
At 04:45 UTC: lists, for every stream, what is past its time and may go: checkpoints of generations that another one
replaced, savepoints that nobody named, landing files that every point has taken and every seal has counted, which go
packed into the archive; packs that are past their time; files that no version of a table has had for a week; and which
sealed hours have many small files that can be put together. The log of `lists` has each with path, size and reason, and
what stays for which reason.

It changes nothing unless `execute` is on. Then a run by hand shows the list under *Required Actions* and waits for
approval, a day at most. At night, where nobody is there to ask, it goes on only if Airflow's variable
`hashtide_retention` is `execute`. Done is exactly the list, by its checksum; where it has changed by then, nothing.
Small files are put together by Delta's OPTIMIZE, in one process of Spark on the worker: rows stay the same, the stream
commits beside it, and a reader keeps the version that it opened.

### When not to use it
* To get room at once: blocks of a checkpoint stay as long as a savepoint holds them. `checkpoint list` names those, and
  `deploy/hashtide checkpoint drop NAME` lets go of one, with the landing behind it.
* While hours are to be sealed again that are older than `archive_days`: their lines go, and no seal can read them.
* Where a table has to be read as it was more than a week ago: files of versions as old as that go. Landing, sealed
  counts and savepoints do not need them.

### States
| state | meaning |
| --- | --- |
| success, `retire` skipped | it only listed, or nothing may go, or it was not approved: the log of `lists` says |
| success, `retire` ran | done; `control/retired/<checksum>.json` under the stream keeps the list, and by whom |
| `retire` awaiting input | a run by hand waits for approval; nothing is touched meanwhile |
| up for retry | HDFS or YARN is away, a seal runs that may read what would go, a table has just changed; it goes on |
| failed | the list is another one now, and nothing was deleted; or a parameter is out of range |

### At night
Nothing waits for it. A disk that fills up: the log of `lists` says what stays and why; most often an hour that is not
sealed (`deploy/hashtide ledger`), or an old savepoint.
"""

with DAG("hashtag_retention", description="List what may go or be put together, and do it where asked",
         schedule=CronTriggerTimetable("45 4 * * *", timezone="UTC"),
         start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), catchup=False, max_active_runs=1,
         doc_md=DOC, tags=["hashtide", "storage"],
         params={"stream": forms.stream(), **forms.horizons(),
                 "execute": Param(False, "Do what is listed; by hand after approval", type="boolean",
                                  title="Execute")},
         default_args={"owner": "hashtide", "retries": 3, "retry_delay": 300}):

    @task
    def lists() -> list[dict]:
        return retire_operator.lists(get_current_context())

    RetireOperator.partial(task_id="retire").expand_kwargs(lists())
