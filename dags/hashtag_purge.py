"""DAG hashtag_purge."""
from __future__ import annotations

from datetime import datetime, timezone

from airflow.sdk import DAG, CronTriggerTimetable, Param, get_current_context, task

from deploy.airflow import forms, purging

DOC = """
### What it does
At 05:15 UTC, of every stream: tweets of which the stream itself has said in the last 48 hours that they are deleted or
withheld leave landing, archive and quarantine, with their retweets and with the copies that quotes and replies brought;
a control line that names the id stands in their place. The hours that had counted them are sealed again, and where the
stream had counted them as well, `verify` gives `purged` as the reason.

By hand: the same of one stream, and of the ids in the form. It only lists unless `execute` is on.

### When not to use it
* For tweets of the hours that are not sealed yet: they wait for the next night. `deploy/hashtide purge --ids FILE
  --yes` does it as soon as the hour is sealed, and looks into ingest's spool as well, which an Airflow worker cannot.

### States
| state | meaning |
| --- | --- |
| success | gone, or in an hour that is not sealed yet: the log says which; the XCom has lines, hours, seconds |
| up for retry | HDFS or YARN is away; what was begun is known, and goes on |
| failed | lines wait for an hour that has not been sealed for a day |

### At night
The platform's terms ask for deleted tweets to be gone within a day. A failed run: seal the hour that it names
(`deploy/hashtide ledger` says what it lacks), then clear the task. `deploy/hashtide purge --prove` shows what is left.
"""

with DAG("hashtag_purge", description="Take withdrawn tweets out of everything that keeps them",
         schedule=CronTriggerTimetable("15 5 * * *", timezone="UTC"),
         start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), catchup=False, max_active_runs=1,
         doc_md=DOC, tags=["hashtide", "compliance"],
         params={"stream": forms.stream(),
                 "ids": Param("", "Ids of tweets, with blanks or line ends between them", type="string",
                              pattern=r"^\s*([0-9]{1,19}(\s+|$))*$", title="Ids"),
                 "hours": Param(48, "How far back the stream's own messages are read", type="integer", minimum=1,
                                maximum=24 * 31, title="Hours"),
                 "execute": Param(False, "Do it; off: only list, by hand", type="boolean", title="Execute")},
         default_args={"owner": "hashtide", "retries": 3, "retry_delay": 300}):

    @task
    def streams() -> list[str]:
        return purging.streams(get_current_context())

    @task(pool="yarn_batch")
    def purge(stream: str) -> dict:
        return purging.purge(stream, get_current_context())

    purge.expand(stream=streams())
