"""Alerts over TLS with a password, by real servers: who is not who they say gets neither mail nor password."""
from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from deploy.alerts import conf, notifiers
from deploy.alerts.notifiers import Message, NotSent
from tests.fakes.authority import ELSEWHERE, HERE, Authority
from tests.fakes.hearing import hook, mailbox

USER, PASSWORD = "hashtide", "s3cret/of%ours"
MESSAGE = Message("a.gap-x~0001.1.firing", "firing", "a", "gap", "critical", "title", "reason", "next", 1)
SECURITY = ["starttls", "tls"]
LOGIN = {"file": 'password_file = "{file}"', "connection": 'password_connection = "mail"'}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Path:
    """The password's file; Airflow has it as connection `mail`, too."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("AIRFLOW_CONN_MAIL", json.dumps({"conn_type": "smtp", "login": USER, "password": PASSWORD}))
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    return path


def told(directory: Path, port: int, security: str, login: str, ca: Path | None) -> notifiers.Notifier:
    """As an alerts file of this text has it."""
    path = directory / "alerts.toml"
    path.write_text(f"""[[notify]]
name = "post"
kind = "email"
host = "127.0.0.1"
port = {port}
security = "{security}"
user = "{USER}"
{login.format(file=directory / "password")}
from = "hashtide@example.org"
to = ["oncall@example.org"]
{f'ca_file = "{ca}"' if ca else ''}
""")
    [made] = notifiers.made(conf.load(path))
    return made


@pytest.mark.parametrize("login", LOGIN)
@pytest.mark.parametrize("security", SECURITY)
def test_a_mail_is_sent_by_a_login_over_tls(authority: Authority, secrets: Path, security: str, login: str,
                                            caplog: pytest.LogCaptureFixture) -> None:
    with mailbox((USER, PASSWORD), **{security: authority.context()}) as box:
        told(secrets.parent, box.port, security, LOGIN[login], authority.ca).send(MESSAGE)
    [mail] = box.mails
    assert (mail["To"], mail["Subject"], box.logins) == ("oncall@example.org", MESSAGE.subject, [USER])
    assert PASSWORD not in caplog.text and PASSWORD.encode() not in box.raw[0]


@pytest.mark.parametrize("security", SECURITY)
def test_a_wrong_password_is_said_to_be_one_and_is_not_said(authority: Authority, secrets: Path, security: str,
                                                            caplog: pytest.LogCaptureFixture) -> None:
    with mailbox((USER, "another"), **{security: authority.context()}) as box, pytest.raises(NotSent) as caught:
        told(secrets.parent, box.port, security, LOGIN["file"], authority.ca).send(MESSAGE)
    assert str(caught.value) == f"mail server 127.0.0.1:{box.port} refuses user hashtide: 535"
    assert set(box.logins) == {USER} and not box.mails and PASSWORD not in caplog.text + repr(caught.value)


@pytest.mark.parametrize("names,days,trusted,why", [
    (HERE, 1, False, "self-signed certificate in certificate chain|unable to get local issuer"),
    (ELSEWHERE, 1, True, "IP address mismatch"), (HERE, -1, True, "certificate has expired")],
    ids=["of another authority", "of another name", "expired"])
@pytest.mark.parametrize("security", SECURITY)
def test_whose_certificate_does_not_hold_gets_no_password(authority: Authority, secrets: Path, security: str,
                                                          names: tuple[object, ...], days: int, trusted: bool,
                                                          why: str) -> None:
    context = authority.context(names, days)  # type: ignore[arg-type]
    with mailbox((USER, PASSWORD), **{security: context}) as box:
        ca = authority.ca if trusted else Authority(secrets.parent, "another").ca
        with pytest.raises(NotSent, match=why) as caught:
            told(secrets.parent, box.port, security, LOGIN["file"], ca).send(MESSAGE)
    assert not box.logins and not box.mails
    assert str(caught.value).startswith(f"mail server 127.0.0.1:{box.port}: SSLCertVerificationError: ")


def test_a_webhook_over_tls_gets_the_secret_where_its_certificate_holds(authority: Authority, secrets: Path,
                                                                        caplog: pytest.LogCaptureFixture) -> None:
    with hook(authority.context()) as web:
        said = conf.Webhook("chat", url=web.url, secret_file=str(secrets), ca_file=str(authority.ca))
        notifiers.Hook(said, notifiers.of_environment).send(MESSAGE)
        assert (web.bodies[0]["title"], web.headers[0]["X-Hashtide-Secret"]) == ("title", PASSWORD)
        other = Authority(secrets.parent, "another").ca
        with pytest.raises(NotSent) as caught:
            notifiers.Hook(conf.Webhook("chat", url=web.url, secret_file=str(secrets), ca_file=str(other)),
                           notifiers.of_environment).send(MESSAGE)
    assert str(caught.value) == "webhook at https://127.0.0.1 does not answer (SSLError)"
    assert len(web.bodies) == 1 and PASSWORD not in caplog.text
