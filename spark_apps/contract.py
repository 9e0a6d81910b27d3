"""Names that writers and readers share: streams, paths in HDFS, landing files, tables.

Imports nothing heavy, so that the driver, the ingest service, the DAGs and the command line can all use it.
"""
from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone

from spark_apps.landing_file import LANDING_FILE_PATTERN as LANDING_FILE_PATTERN
from spark_apps.landing_file import LandingFile as LandingFile

SCHEMA_VERSION = 1

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

# A stream's name goes into YARN tags (which YARN lower-cases), paths and DAG parameters. No hyphen: the tags
# hashtide-<stream> and hashtide-<stream>-e<epoch> of two streams could otherwise collide.
STREAM_NAME = SOURCE_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
MAX_FILE_SPAN_MS = 10_000   # of a landing file, which never spans two hours either

TABLES = ("counts_live", "counts", "fates", "ledger", "related", "graph_tags", "graph_links")
CLASSIC_TABLES = ("classic_batches", "classic_totals", "classic_windows")   # of spark_apps.classic

#: The tag that stands for all tweets of a minute.
ALL_TWEETS = ""

#: Measures of a (minute, tag, form): each is a sum over tweets, `authors` a theta sketch of author ids.
MEASURES = ("tweets", "originals", "retweets", "quotes", "replies")

#: Why a landed line was put aside: a closed list.
QUARANTINE_REASONS = ("not_json", "not_object", "no_id", "bad_time", "bad_encoding", "too_large")

#: A landed line longer than this is put aside as too_large; the longest real posts are a few per cent of it.
MAX_LINE_BYTES = 1 << 20


def check_stream(name: str) -> str:
    """The name itself, or ValueError saying what a stream may be called."""
    if not isinstance(name, str) or not STREAM_NAME.fullmatch(name):
        raise ValueError(
            f"stream name {name!r}: expected a lower-case letter, then up to 39 of a-z, 0-9 and _")
    return name


@dataclass(frozen=True)
class StreamPaths:
    """Where one stream keeps its things in HDFS; absolute paths without scheme."""

    stream: str
    root: str = "/hashtide"
    checkpoint_root: str = ""   # s3a://bucket/prefix: before the path of each checkpoint, and of nothing else

    def __post_init__(self) -> None:
        check_stream(self.stream)

    @property
    def base(self) -> str:
        """The snapshottable root: one HDFS snapshot of it holds checkpoint, tables, control and progress."""
        return f"{self.root}/streams/{self.stream}"

    def checkpoint(self, generation: int) -> str:
        return f"{self.checkpoint_root}{self.base}/checkpoint/{generation_name(generation)}"

    @property
    def control(self) -> str:
        """Also holds fingerprint/, what each checkpoint was made with: spark_apps.fingerprint has its files."""
        return f"{self.base}/control"

    @property
    def desired_changes(self) -> str:
        return f"{self.control}/desired"

    def desired_change(self, number: int) -> str:
        """{"state": "running" | "stopped" | "parked", ...}: what the watchdog compares with, where it is the newest."""
        return f"{self.desired_changes}/{number:013d}.json"

    @property
    def outages(self) -> str:
        return f"{self.control}/outages"

    def outage(self, ms: int) -> str:
        """{"since_ms", "what": "ResourceManager" | "HDFS" | "safe mode", "why"}: an outage that ended then."""
        return f"{self.outages}/{ms:013d}.json"

    @property
    def epochs(self) -> str:
        """One file a launch, 000017.json, and one a YARN attempt, 000017.a2; all by exclusive create."""
        return f"{self.control}/epoch"

    def epoch(self, number: int) -> str:
        return f"{self.epochs}/{number:06d}.json"

    def claim(self, epoch: int, attempt: int) -> str:
        return f"{self.epochs}/{epoch:06d}.a{attempt}"

    @property
    def generations(self) -> str:
        return f"{self.control}/generation"

    def generation(self, number: int) -> str:
        return f"{self.generations}/{generation_name(number)}.json"

    def generation_claim(self, number: int) -> str:
        """{"who", "why", "time_ms"}: whoever made it prepares this generation's checkpoint, and nobody else does."""
        return f"{self.generations}/{generation_name(number)}.claim"

    @property
    def savepoints(self) -> str:
        return f"{self.control}/savepoints"

    def savepoint(self, name: str) -> str:
        """What was so when it was taken: {generation, batch_id, watermark, release, who, why, time_ms, ...}."""
        return f"{self.savepoints}/{name}.json"

    @property
    def snapshots(self) -> str:
        return f"{self.base}/.snapshot"

    def savepoint_copy(self, name: str) -> str:
        """The checkpoint of a savepoint that was taken by copying."""
        return f"{self.base}/savepoint/{name}"

    def stop(self, epoch: int) -> str:
        """The marker by whose existence the driver of this epoch ends after its batch."""
        return f"{self.control}/stop/{epoch:06d}"

    def kill(self, epoch: int) -> str:
        """{"why": ...}: written before an application of this epoch is killed, so that nobody adopts it."""
        return f"{self.control}/kill/{epoch:06d}.json"

    @property
    def restarts(self) -> str:
        return f"{self.control}/restarts"

    def restart(self, epoch: int) -> str:
        """How this epoch's application ended where nobody wanted it to: the restart policy's memory."""
        return f"{self.restarts}/{epoch:06d}.json"

    @property
    def holders(self) -> str:
        return f"{self.control}/holder"

    def holder(self, number: int) -> str:
        """{"holder", "epoch", "time_ms"}: the lease of the task that watches this stream, renewed while it does.
        Whoever takes it over makes the next file; each is written by its own holder alone, and the newest counts."""
        return f"{self.holders}/{number:06d}.json"

    @property
    def alerts(self) -> str:
        """What was found and told, by exclusive create: deploy.alerts.book has its files."""
        return f"{self.control}/alerts"

    @property
    def progress(self) -> str:
        return f"{self.base}/progress"

    @property
    def heartbeat(self) -> str:
        """{"time_ms", "epoch", "attempt", "generation", "batch_id", "commit_ms", "task_ms", ...}: replaced by rename,
        also while the source is idle; when the last batch was committed, when a running one last finished a task."""
        return f"{self.progress}/heartbeat.json"

    @property
    def batches(self) -> str:
        """Directory of <generation>-<epoch>.a<attempt>-<hour>.jsonl: files, lines, fates, watermark of each batch."""
        return f"{self.progress}/batches"

    @property
    def offsets(self) -> str:
        """Directory of <generation>-<epoch>.a<attempt>-<hour>.jsonl: watermark and end of the last batches that a
        driver found in its checkpoint when it started: one that was killed has not told of its own last ones."""
        return f"{self.progress}/offsets"

    def result(self, epoch: int) -> str:
        """How the newest attempt of this epoch ended: {"reason": "stop" | "fenced" | error class, "error": one
        line, empty where nothing failed, "batch_id", "tries", ...}."""
        return f"{self.progress}/result-{epoch:06d}.json"

    def seal_result(self, hour_ms: int) -> str:
        """What the newest seal of this hour did: {hour, revision, rows, tweets, changed, ...}."""
        return f"{self.progress}/seal/{hour_name(hour_ms)}.json"

    def seal_files(self, hour_ms: int) -> str:
        """{"files": [name, ...], ...}: what the newest seal of this hour had read, where the hour was incomplete."""
        return f"{self.progress}/seal/{hour_name(hour_ms)}.files.json"

    def verify_result(self, hour_ms: int) -> str:
        """What the newest verification of this hour found: {hour, revision, reasons, unexplained, differences, ...}."""
        return f"{self.progress}/verify/{hour_name(hour_ms)}.json"

    @property
    def late_result(self) -> str:
        """{"hours": [ms, ...], "time_ms"}: the hours that the newest seal of late lines sealed again."""
        return f"{self.progress}/seal/late.json"

    @property
    def related_result(self) -> str:
        """What the newest run of hashtag_related learnt from which hours, and how well it foretells others."""
        return f"{self.progress}/related.json"

    def graph_result(self, day: str) -> str:
        """What the newest run of hashtag_graph found of this day, as 2026-03-01."""
        return f"{self.progress}/graph/{day}.json"

    def scratch(self, application: str) -> str:
        """What an application puts down for itself, and takes away at its end."""
        return f"{self.root}/scratch/{self.stream}/{application}"

    @property
    def gaps(self) -> str:
        """One file a gap of the ingest service, <start_ms>-<source>.json, replaced while it may change."""
        return f"{self.base}/gaps"

    def table(self, name: str) -> str:
        if name not in (*TABLES, *CLASSIC_TABLES):
            raise ValueError(f"table {name!r}: expected one of {', '.join(TABLES)}")
        return f"{self.base}/tables/{name}"

    @property
    def landing(self) -> str:
        return f"{self.root}/landing/{self.stream}"

    def landing_hour(self, ms: int) -> str:
        """The directory that takes files whose last arrival is in the hour of `ms` (UTC)."""
        at = datetime.fromtimestamp(ms / 1000, timezone.utc)
        return f"{self.landing}/dt={at:%Y-%m-%d}/hr={at:%H}"

    @property
    def throughs(self) -> str:
        return f"{self.landing}/_through"

    def through(self, source: str) -> str:
        """{"through_ms": ...}: all that this source received before that instant is in landing."""
        return f"{self.throughs}/{source}.json"

    @property
    def quarantine(self) -> str:
        return f"{self.root}/quarantine/{self.stream}"

    def quarantine_hour(self, ms: int) -> str:
        """Parquet files with the lines that were put aside of those that arrived in the hour of `ms` (UTC)."""
        return self.landing_hour(ms).replace(self.landing, self.quarantine, 1)

    @property
    def archive(self) -> str:
        return f"{self.root}/archive/{self.stream}"

    def archive_hour(self, ms: int) -> str:
        """Packed landing files of the hour of `ms` (UTC): spark_apps.packs has their form."""
        return self.landing_hour(ms).replace(self.landing, self.archive, 1)


def hour_name(hour_ms: int) -> str:
    """2026-03-01T10: an hour of UTC, as options, logs and file names spell it."""
    return f"{datetime.fromtimestamp(hour_ms / 1000, timezone.utc):%Y-%m-%dT%H}"


def parse_hour(text: str) -> int:
    """The ms of an hour that `hour_name` spelled; ValueError otherwise."""
    return int(datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=timezone.utc).timestamp()) * 1000


def day_name(ms: int) -> str:
    """2026-03-01: a day of UTC."""
    return f"{datetime.fromtimestamp(ms / 1000, timezone.utc):%Y-%m-%d}"


def parse_day(text: str) -> int:
    """The ms at which a day that `day_name` spelled begins; ValueError otherwise."""
    return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=timezone.utc).timestamp()) * 1000


def releases(root: str = "/hashtide") -> str:
    return f"{root}/releases"


def generation_name(number: int) -> str:
    return f"g{number:04d}"


def stream_tag(stream: str) -> str:
    """The YARN tag that every application of this stream carries."""
    return f"hashtide-{check_stream(stream)}"


def epoch_tag(stream: str, epoch: int) -> str:
    return f"{stream_tag(stream)}-e{epoch}"


def launch_tag(launch_id: str) -> str:
    return f"hashtide-launch-{launch_id.lower()}"


def txn_app_id(stream: str, generation: int) -> str:
    """Delta's application id for the keyed commit of a batch; its version is the batch id."""
    return f"{stream}-{generation_name(generation)}"
