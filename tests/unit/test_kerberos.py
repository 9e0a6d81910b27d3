"""Tickets of Kerberos: what a server that asks for one gets, and what a person reads where there is none."""
from __future__ import annotations

import ctypes.util
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from deploy import config, hdfs, tickets, yarn
from deploy.config import Airflow, Cluster, Hdfs, Spark, Yarn
from deploy.errors import BadUse, NoTicket, Unreachable
from deploy.launch import Launcher
from deploy.observation import observe
from spark_apps import gssapi, kerberos
from spark_apps.clock import Clock
from spark_apps.contract import StreamPaths
from spark_apps.ingest import errors as ingest
from spark_apps.ingest import landing, options
from tests.fakes.sockets import plain, scripted

ASKS = plain("401 Unauthorized", b"<html>", "WWW-Authenticate: Negotiate")
FOUND = plain("200 OK", b'{"FileStatus": {"type": "FILE"}}',
              "Set-Cookie: hadoop.auth=\"u=a&t=kerberos\"; Path=/; HttpOnly")
PAGE = (b"<html><body><table><tr><th>STATUS:</th><td>403</td></tr><tr><th>MESSAGE:</th><td>GSSException: Checksum "
        b"failed</td></tr></table></body></html>")
REFUSED = plain("403 Forbidden", PAGE).replace(b"application/json", b"text/html")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the process, which a ticket by keytab changes."""
    for name in ("KRB5_CLIENT_KTNAME", "KRB5CCNAME"):
        monkeypatch.setenv(name, "MEMORY:of-a-test")


@pytest.fixture
def granted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """(host, principal) of each token that was asked for."""
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(gssapi, "check", lambda principal="": None)
    monkeypatch.setattr(gssapi, "token", lambda host, principal="": asked.append((host, principal)) or b"token")
    return asked


def cluster(url: str, authentication: str = "kerberos", keytab: str = "", principal: str = "") -> Cluster:
    return Cluster("t", Hdfs("hdfs://nn:1", (url,), "hashtide", authentication=authentication),
                   Yarn(resourcemanagers=(url,)), Spark(keytab=keytab, principal=principal), Airflow())




def test_a_server_that_asks_gets_a_ticket_and_then_its_cookie(granted: list[tuple[str, str]], tmp_path: Path) -> None:
    keytab = tmp_path / "hashtide.keytab"
    keytab.touch()
    with scripted(ASKS, FOUND, FOUND) as server:
        files = hdfs.Client(cluster(server.url, keytab=str(keytab), principal="hashtide/a@B"))
        assert files.exists("/a") and files.exists("/a")
    assert granted == [("127.0.0.1", "hashtide/a@B")]
    first, second, third = server.heads
    assert b"Authorization" not in first and b"Authorization: Negotiate dG9rZW4=" in second
    assert b"Authorization" not in third and b"hadoop.auth=" in third
    # The name that WebHDFS would compare with the ticket's.
    assert not any(b"user.name" in head for head in server.heads)


def test_without_kerberos_the_user_is_named() -> None:
    with scripted(FOUND) as server:
        assert hdfs.Client(cluster(server.url, "simple")).exists("/a")
    assert b"user.name=hashtide" in server.heads[0]


def test_what_is_sent_piece_by_piece_is_not_sent_a_second_time_and_half(granted: list[tuple[str, str]]) -> None:
    with scripted(ASKS) as server:
        answer = requests.put(server.url, data=iter([b"a", b"b"]), auth=kerberos.Negotiate(), timeout=10)
    assert answer.status_code == 401 and granted == []


def of_hdfs(where: Cluster) -> object:
    return hdfs.Client(where).exists("/a")


def of_yarn(where: Cluster) -> object:
    return yarn.Client(where).info()


@pytest.mark.parametrize("ask", [of_hdfs, of_yarn])
def test_a_server_that_does_not_take_the_ticket_is_named_with_its_words(
        ask: Callable[[Cluster], object], granted: list[tuple[str, str]]) -> None:
    words = r"HTTP/127\.0\.0\.1 does not take the Kerberos ticket: 403 GSSException: Checksum failed; "
    with scripted(ASKS, REFUSED) as server, pytest.raises(NoTicket, match=words):
        ask(cluster(server.url))


@pytest.mark.parametrize("ask", [of_hdfs, of_yarn])
def test_a_cluster_file_that_says_nothing_of_kerberos_is_told_what_to_say(ask: Callable[[Cluster], object]) -> None:
    words = r"asks for a Kerberos ticket: \[hdfs\] authentication"
    with scripted(ASKS) as server, pytest.raises(NoTicket, match=words):
        ask(cluster(server.url, "simple"))


@pytest.mark.parametrize("ask", [of_hdfs, of_yarn])
def test_a_ticket_that_is_missing_is_no_outage_and_a_kdc_that_is_away_is_one(
        ask: Callable[[Cluster], object], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(principal: str = "") -> None:
        raise error("no Kerberos ticket: why")

    monkeypatch.setattr(gssapi, "check", fails)
    with scripted(ASKS) as server:
        error = gssapi.TicketError
        with pytest.raises(NoTicket, match=r"no Kerberos ticket: why; `kinit` gets one, or keytab and principal"):
            ask(cluster(server.url))
        error = gssapi.KdcUnreachable
        with pytest.raises(Unreachable, match="why; is the KDC up"):
            ask(cluster(server.url))
    assert not issubclass(NoTicket, Unreachable)


def test_supervision_does_not_take_a_missing_ticket_for_an_outage(tmp_path: Path) -> None:
    """An outage would be waited for, for ever and in silence."""
    with scripted(ASKS) as server:
        where = cluster(server.url, keytab=str(tmp_path / "gone"), principal="a@B")
        with pytest.raises(NoTicket, match="gone: no such file"):
            observe(Launcher(where, hdfs.Client(where), yarn.Client(where)), "hashtags")


def test_a_keytab_that_is_not_there_is_named_before_a_kdc_is_asked(tmp_path: Path) -> None:
    with pytest.raises(NoTicket, match=f"keytab {tmp_path}/none: no such file"):
        tickets.prepare(cluster("http://a:1", keytab=f"{tmp_path}/none", principal="a@B"))


def test_nothing_is_prepared_where_nobody_asks_for_kerberos() -> None:
    tickets.prepare(cluster("http://a:1", "simple", keytab="/none", principal="a@B"))
    assert tickets.environment(cluster("http://a:1", "simple", keytab="/none", principal="a@B")) == {}


@pytest.mark.skipif(not ctypes.util.find_library("gssapi_krb5"), reason="no libgssapi-krb5-2 on this machine")
def test_the_library_says_in_one_line_that_there_is_no_ticket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "krb5.conf").write_text("[libdefaults]\ndefault_realm = NOWHERE.TEST\ndns_lookup_kdc = false\n")
    monkeypatch.setenv("KRB5_CONFIG", str(tmp_path / "krb5.conf"))
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path}/cache")
    monkeypatch.delenv("KRB5_CLIENT_KTNAME")
    for ask in (gssapi.check, lambda: gssapi.token("localhost")):
        with pytest.raises(gssapi.TicketError, match=r"^no Kerberos ticket.*: .*credentials.*/cache\)$"):
            ask()


def test_a_machine_without_the_library_is_told_which_package_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gssapi, "_LIBRARY", "libnothing.so.0")
    gssapi._library.cache_clear()
    try:
        with pytest.raises(gssapi.TicketError, match="apt-get install libgssapi-krb5-2"):
            gssapi.check()
    finally:
        gssapi._library.cache_clear()


def test_ingest_tries_on_where_the_kdc_is_away_and_ends_where_there_is_no_ticket(
        monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(principal: str = "") -> None:
        raise error("no Kerberos ticket: why")

    monkeypatch.setattr(gssapi, "check", fails)
    with scripted(ASKS) as server:
        client = landing.connect([server.url], "", ticket=kerberos.Negotiate())
        target = landing.Landing(client, StreamPaths("a"), Clock())
        error = gssapi.KdcUnreachable
        with pytest.raises(ingest.Unreachable, match="^no Kerberos ticket: why$"):
            target.check()
        error = gssapi.TicketError
        with pytest.raises(ingest.IngestError, match="^no Kerberos ticket: why$") as fault:
            target.check()
    assert fault.value.exit_code == 1


def test_options_of_a_ticket_go_together() -> None:
    words = ["replay", "--stream", "a", "--webhdfs", "http://a:1", "--spool", "s", "f"]
    for given in (["--kerberos", "--keytab", "k"], ["--keytab", "k", "--principal", "p"]):
        with pytest.raises(ingest.WrongUse, match="--keytab and --principal go together, and with --kerberos"):
            options.check(options.parser().parse_args([*words, *given]))
    options.check(options.parser().parse_args([*words, "--kerberos"]))
    options.check(options.parser().parse_args([*words, "--kerberos", "--keytab", "k", "--principal", "p"]))


def test_a_cluster_file_asks_for_kerberos_by_hadoops_word(tmp_path: Path) -> None:
    text = ("[hdfs]\ndefault_fs = hdfs://a:1\nwebhdfs = http://a:2\nauthentication = {}\n"
            "[yarn]\nresourcemanagers = http://a:3\n")
    path = tmp_path / "prod.ini"
    path.write_text(text.format("kerberos"))
    assert tickets.wanted(config.load(path))
    path.write_text(text.format("Kerberos!"))
    with pytest.raises(BadUse, match="authentication = Kerberos!: expected simple or kerberos"):
        config.load(path)
