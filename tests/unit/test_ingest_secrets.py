"""A token planted in the environment is found nowhere else: not on disk, in arguments, in what is said, or in HDFS."""
from __future__ import annotations

import argparse
import json
import secrets
import subprocess
from pathlib import Path

import pytest
import requests

from spark_apps.clock import Clock
from spark_apps.ingest import options
from spark_apps.ingest.client import FilteredStream
from spark_apps.ingest.errors import WrongUse
from spark_apps.ingest.inbox import Inbox
from spark_apps.ingest.service import Settings
from tests.fakes import platform
from tests.fakes.ingest import command, environment, lines, status
from tests.fakes.sockets import Answer, plain, scripted, until
from tests.fakes.webhdfs import WebHdfs

CANARY = "canary" + secrets.token_hex(16)


def without_canary(value: object) -> str:
    """A test's name: the same in each process that shares the tests."""
    return str(value).replace(CANARY, "canary")


def start(hdfs: WebHdfs, url: str, directory: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(command(hdfs, url, directory, "--hurry", "100", *more), stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, env={**environment(), "X_BEARER_TOKEN": CANARY})


def nowhere(hdfs: WebHdfs, directory: Path, said: str) -> None:
    assert CANARY not in said
    for path in directory.rglob("*"):
        assert CANARY.encode() not in (path.read_bytes() if path.is_file() else b""), path
    with hdfs.lock:
        assert CANARY not in repr((hdfs.files, hdfs.calls))


def test_a_service_that_reads_loses_its_connection_and_its_hdfs(hdfs: WebHdfs, tmp_path: Path) -> None:
    with platform.serving(tmp_path / "x", token=CANARY, rate=200) as x:
        child = start(hdfs, x.url, tmp_path, "--max-seconds", "1", "--max-posts-day", "1000000", "--rule", "#a")
        try:
            assert CANARY.encode() not in Path(f"/proc/{child.pid}/cmdline").read_bytes()
            until(lambda: lines(hdfs), "lines", 60)
            hdfs.stop()
            x.hang_up()
            until(lambda: status(tmp_path / "spool").get("connects") == 2, "the second connection", 60)
            x.stop()
            until(lambda: "lost or not made" in (status(tmp_path / "spool").get("error") or ""), "the loss", 60)
        finally:
            child.terminate()
            said, _ = child.communicate(timeout=60)
    nowhere(hdfs, tmp_path, said)
    assert "connected to" in said


@pytest.mark.parametrize("status_line", ["401 Unauthorized", "403 Forbidden", "400 Bad Request"])
@pytest.mark.parametrize("options", [(), ("--rule", "#a")])
def test_a_platform_that_repeats_the_token_in_its_refusal(hdfs: WebHdfs, tmp_path: Path, status_line: str,
                                                          options: tuple[str, ...]) -> None:
    body = b'{"detail":"no access for Bearer %s"}' % CANARY.encode()
    with scripted(plain(status_line, body)) as server:
        child = start(hdfs, server.url, tmp_path, *options)
        said, _ = child.communicate(timeout=60)
    nowhere(hdfs, tmp_path, said)
    assert child.returncode == 1
    assert said.rstrip().rpartition("\n")[2].startswith(f"ingest: {server.url} ")
    assert "no access for Bearer [token]" in said


@pytest.mark.parametrize("answer", [plain("503 Service Unavailable"), b"HTTP/1.1 ", b"nonsense\r\n\r\n",
                                    plain("302 Found", b"", "Location: http://[")])
def test_errors_of_the_network(answer: bytes | Answer) -> None:
    with scripted(answer) as server:
        client = FilteredStream(CANARY, server.url, Inbox(Clock()))
        assert CANARY not in repr(client.once())
        with pytest.raises((requests.RequestException, ValueError)) as raised:
            client.get_rules()
    error: BaseException | None = raised.value
    while error is not None:
        assert CANARY not in f"{error!r} {error}"
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("connection", [
    json.dumps({"conn_type": "generic", "login": "x", "password": CANARY}), f"generic://x:{CANARY}@", f"http://:{CANARY}@x"],
    ids=without_canary)
def test_a_connection_of_airflow_has_the_token(monkeypatch: pytest.MonkeyPatch, connection: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_X_API", connection)
    assert options.token(argparse.Namespace(token_file=None, token_connection="x_api")) == CANARY   # noqa: S106


@pytest.mark.parametrize("connection", [None, "", "{", "[]", f"{{{CANARY}", "generic://x@", "http://[", f'"{CANARY}"',
                                        '{"password": null}', '{"login": "x"}'], ids=without_canary)
def test_a_connection_without_one_is_named_and_not_shown(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, connection: str | None) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_X_API", raising=False)
    if connection is not None:
        monkeypatch.setenv("AIRFLOW_CONN_X_API", connection)
    with pytest.raises(WrongUse, match="^AIRFLOW_CONN_X_API: no bearer token in it$") as raised:
        options.token(argparse.Namespace(token_file=None, token_connection="x_api"))   # noqa: S106
    assert CANARY not in repr(raised.value)
    with pytest.raises(WrongUse, match="give one of them"):
        options.token(argparse.Namespace(token_file=tmp_path, token_connection="x_api"))   # noqa: S106


def test_settings_that_are_printed_do_not_print_it(tmp_path: Path) -> None:
    assert CANARY not in repr(Settings(tmp_path, "x", "http://x", CANARY))
