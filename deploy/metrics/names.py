"""Every metric: its name, which stays the same, what it tells, and its labels. Instants are seconds since 1970."""
from __future__ import annotations

from typing import NamedTuple

GAUGE, COUNTER = "gauge", "counter"


class Family(NamedTuple):
    kind: str
    help: str
    labels: tuple[str, ...]


_S, _I = ("stream",), ("stream", "source")


def _gauge(text: str, *labels: str) -> Family:
    return Family(GAUGE, text, labels)


def _counter(text: str, *labels: str) -> Family:
    return Family(COUNTER, text, labels)


FAMILIES: dict[str, Family] = {
    "hashtide_up": _gauge("Whether HDFS and YARN answer; of what does not, nothing else is told.", "component"),
    "hashtide_unread": _gauge("Whether this part of the stream could not be read: what is made of it is missing.",
                              *_S, "part"),
    "hashtide_collected_timestamp_seconds": _gauge("When all of this was read."),

    "hashtide_stream_wanted": _gauge("Whether the stream should run.", *_S),
    "hashtide_stream_running": _gauge("Whether its application lives.", *_S),
    "hashtide_stream_healthy": _gauge("Whether it is as it was asked for, and nothing holds it up.", *_S),
    "hashtide_stream_parked": _gauge("Whether it gave up, and waits for a person.", *_S),
    "hashtide_stream_stalled": _gauge("Whether it runs, has something to do, and commits nothing.", *_S),
    "hashtide_stream_generation": _gauge("Its line of checkpoints: a restore or a fresh start opens the next.", *_S),
    "hashtide_stream_heartbeat_timestamp_seconds": _gauge("The driver's last word.", *_S),
    "hashtide_stream_commit_timestamp_seconds": _gauge("Its last committed batch.", *_S),
    "hashtide_stream_newest_minute_timestamp_seconds": _gauge("The newest counted minute.", *_S),
    "hashtide_stream_batch_id": _gauge("Number of its last batch, in its generation.", *_S),
    "hashtide_stream_batch_seconds": _gauge("How long the last batch took.", *_S),
    "hashtide_stream_trigger_seconds": _gauge("How often a batch begins at most.", *_S),
    "hashtide_stream_rows_per_second": _gauge("Lines of the last batch by its seconds.", *_S),
    "hashtide_stream_backlog_files": _gauge("Landed files that no batch has taken.", *_S),
    "hashtide_stream_backlog_seconds": _gauge("For how long the oldest of them has waited.", *_S),
    "hashtide_stream_state_rows": _gauge("Identities that de-duplication keeps.", *_S),
    "hashtide_stream_late_rows_total": _counter("Lines later than the watermark since the driver's start.", *_S),
    "hashtide_stream_duplicate_rows_total": _counter("Copies that were dropped since the driver's start.", *_S),
    "hashtide_stream_hdfs_bytes": _gauge("Bytes of the stream in HDFS, replicas not counted.", *_S, "part"),

    "hashtide_supervisor_held": _gauge("Whether a task of Airflow holds the stream.", *_S),
    "hashtide_supervisor_launches_total": _counter("Launches ever.", *_S),
    "hashtide_supervisor_ends_total": _counter("Ends of its application that were written down, ever.", *_S),
    "hashtide_supervisor_outages_total": _counter("Outages of HDFS or YARN that its holders noticed, ever.", *_S),

    "hashtide_ingest_landed_through_timestamp_seconds": _gauge("All that arrived before is in landing.", *_I),
    "hashtide_ingest_written_timestamp_seconds": _gauge("The ingest service's last word in HDFS.", *_I),
    "hashtide_ingest_alarm": _gauge("Whether the ingest service raises an alarm.", *_I),
    "hashtide_ingest_gap_open_seconds": _gauge("For how long nothing was received; 0 where something is.", *_I),
    "hashtide_ingest_gaps": _gauge("Gaps that touch the last 7 days.", *_I),
    "hashtide_ingest_posts_read": _gauge("Posts read in the running day or month of UTC, each id once a day.",
                                         *_I, "period"),
    "hashtide_ingest_posts_limit": _gauge("The limit of them; missing where there is none.", *_I, "period"),

    "hashtide_seal_by_state": _gauge("Hours of the last 7 days by what can be said of them.", *_S, "state"),
    "hashtide_seal_missing": _gauge("Hours that are over and landed, and have no seal.", *_S),
    "hashtide_seal_newest_hour_timestamp_seconds": _gauge("End of the newest sealed hour.", *_S),

    "hashtide_alert_firing": _gauge("Whether this rule of the alerts file fires, as hashtag_watchdog last wrote down; "
                                    "empty stream: of the cluster.", *_S, "rule"),
    "hashtide_hdfs_capacity_bytes": _gauge("Size of the whole file system."),
    "hashtide_hdfs_remaining_bytes": _gauge("What is left of it."),
}
#: Of hashtide_seal_by_state, by deploy.views.hours' own words.
STATES = {"does not add up": "unsound", "drifting": "drifting", "incomplete": "incomplete", "not sealed": "overdue",
          "sealed": "sealed", "closed": "closed", "open": "open", "empty": "empty"}
