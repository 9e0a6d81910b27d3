"""Small files in HDFS by the driver's own Hadoop client, which knows fail-over and Kerberos as Spark does.

What is elsewhere, as a checkpoint on S3, is read and listed here, and written by Spark alone.
"""
from __future__ import annotations

import json
import uuid
from pathlib import PurePosixPath
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from spark_apps.causes import reason

# The last two: its maker has not closed it yet, or was cut off before that.
_EXISTS = ("FileAlreadyExistsException", "AlreadyBeingCreatedException", "RecoveryInProgressException")


class Files:
    """Paths without scheme are those of fs.defaultFS, others their own file system's. Errors are py4j's, with Hadoop's
    exception inside."""

    def __init__(self, spark: SparkSession, example: str) -> None:
        """`example`: any path of the file system that is meant."""
        jvm: Any = spark.sparkContext._jvm
        self._jvm, self._hadoop = jvm, jvm.org.apache.hadoop.fs
        self._conf = conf = spark._jsc.hadoopConfiguration()
        self._fs = self._hadoop.Path(example).getFileSystem(conf)
        self._context = self._hadoop.FileContext.getFileContext(self._fs.getUri(), conf)
        rename = getattr(self._hadoop, "Options$Rename")
        gateway: Any = spark.sparkContext._gateway
        self._overwrite = gateway.new_array(rename, 1)
        self._overwrite[0] = rename.OVERWRITE

    def read_json(self, path: str) -> dict[str, Any] | None:
        """None where there is no file, {} where its writer has not come to the end."""
        data = self.read(path)
        return None if data is None else dict(json.loads(data)) if data.strip() else {}

    def read(self, path: str) -> bytes | None:
        try:
            stream = self._of(path).open(self._path(path))
        except Py4JJavaError as error:
            if reason(error)[0] == "FileNotFoundException":
                return None
            raise
        try:
            return bytes(self._jvm.org.apache.commons.io.IOUtils.toByteArray(stream))
        finally:
            stream.close()

    def create_exclusive(self, path: str, obj: Any) -> bool:
        """Whether this call made the file. Of any number at once exactly one gets True."""
        try:
            stream = self._fs.create(self._path(path), False)
        except Py4JJavaError as error:
            if reason(error)[0] in _EXISTS:
                return False
            raise
        self._write(stream, json.dumps(obj).encode())
        return True

    def replace(self, path: str, data: bytes) -> None:
        """At once: a reader finds the old or the new file, never a part."""
        where = PurePosixPath(path)
        part = self._path(f"{where.parent}/.{where.name}.{uuid.uuid4().hex[:12]}")
        self._write(self._fs.create(part, True), data)
        self._context.rename(part, self._path(path), self._overwrite)

    def write_json(self, path: str, obj: Any) -> None:
        self.replace(path, json.dumps(obj, ensure_ascii=False, sort_keys=True).encode() + b"\n")

    def list(self, path: str) -> list[str]:
        """Names in the directory, sorted; none where it does not exist."""
        try:
            found = self._of(path).listStatus(self._path(path))
        except Py4JJavaError as error:
            if reason(error)[0] == "FileNotFoundException":
                return []
            raise
        return sorted(status.getPath().getName() for status in found)

    def changed(self, path: str) -> dict[str, int]:
        """When each entry of a directory changed last (ms); none where it does not exist."""
        try:
            found = self._fs.listStatus(self._path(path))
        except Py4JJavaError as error:
            if reason(error)[0] == "FileNotFoundException":
                return {}
            raise
        return {status.getPath().getName(): int(status.getModificationTime()) for status in found}

    def remove(self, path: str) -> None:
        """With all below it; nothing where it does not exist."""
        self._fs.delete(self._path(path), True)

    def exists(self, path: str) -> bool:
        return bool(self._of(path).exists(self._path(path)))

    def delete(self, path: str) -> None:
        """With all that is below it; nothing where it does not exist."""
        self._fs.delete(self._path(path), True)

    def _of(self, path: str) -> Any:
        return self._path(path).getFileSystem(self._conf) if "://" in path else self._fs

    def _path(self, path: str) -> Any:
        return self._hadoop.Path(path)

    @staticmethod
    def _write(stream: Any, data: bytes) -> None:
        try:
            stream.write(data)
        finally:
            stream.close()
