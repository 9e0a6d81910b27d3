"""What a stream needs in HDFS before its first launch; doing it again changes nothing."""
from __future__ import annotations

from deploy import artifact
from deploy.alerts import cluster_directory
from deploy.config import Cluster
from deploy.errors import HashtideError, Unreachable
from deploy.hdfs import Client
from spark_apps import fingerprint
from spark_apps.contract import StreamPaths, releases

#: Tweets are people's words: nobody but the owner and its group reads them.
PRIVATE = "750"
SHARED = "755"


def directories(cluster: Cluster, stream: str) -> dict[str, str]:
    """Mode by path, parents first."""
    paths = StreamPaths(stream, cluster.root)
    private = [
        paths.base, f"{paths.base}/checkpoint", paths.control, paths.epochs, paths.generations,
        fingerprint.directory(paths), paths.alerts, f"{paths.control}/stop", f"{paths.control}/kill", paths.restarts,
        paths.savepoints, f"{paths.base}/savepoint", paths.progress, paths.gaps, paths.batches, f"{paths.base}/tables",
        paths.landing, paths.throughs, paths.quarantine, paths.archive, cluster_directory(cluster.root)]
    shared = [cluster.root, *(f"{cluster.root}/{name}" for name in ("streams", "landing", "quarantine", "archive")),
              releases(cluster.root)]
    return {**dict.fromkeys(shared, SHARED), **dict.fromkeys(private, PRIVATE)}


def provision(hdfs: Client, cluster: Cluster, stream: str) -> list[str]:
    """Makes directories, modes, owner, snapshottable root, release; what it had to change, a line each."""
    changed: list[str] = []
    for path, mode in directories(cluster, stream).items():
        status = hdfs.status(path)
        if status is None:
            hdfs.mkdirs(path, mode)
            changed.append(f"made {path}")
        # Made under another umask, or by hand: mkdirs alone would leave it.
        status = hdfs.status(path) or {}
        if str(status.get("permission")) != mode:
            hdfs.set_permission(path, mode)
            changed.append(f"mode {mode} for {path}")
        if cluster.hdfs.user and status.get("owner") != cluster.hdfs.user:
            hdfs.set_owner(path, cluster.hdfs.user)
            changed.append(f"owner {cluster.hdfs.user} for {path}")
    changed += _snapshottable(hdfs, StreamPaths(stream, cluster.root).base)
    release = artifact.Release(artifact.build()[0], cluster.root)
    if not hdfs.exists(f"{release.base}/{artifact.SUMS}"):
        artifact.publish(hdfs, cluster.root)
        changed.append(f"published release {release.version}")
    return changed


def _snapshottable(hdfs: Client, path: str) -> list[str]:
    if (hdfs.status(path) or {}).get("snapshotEnabled"):
        return []
    try:
        hdfs.allow_snapshot(path)
    except Unreachable:
        raise
    except HashtideError as error:
        raise HashtideError(f"{error}; snapshots need HDFS's superuser once: `hdfs dfsadmin -allowSnapshot {path}`, "
                            "then provision again") from None
    return [f"snapshots allowed at {path}"]
