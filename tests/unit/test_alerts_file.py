"""The alerts file: what may stand in it, and that each fault of it is named with the others in one line."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy import config
from deploy.alerts import conf
from deploy.alerts.conf import RULES, Email, Webhook
from deploy.errors import BadUse
from tests.fakes.world import CLUSTER

SHIPPED = conf.CONF_DIR / "alerts.toml"
MAIL = ('[[notify]]\nname = "oncall"\nkind = "email"\nhost = "mail"\nfrom = "a@b.org"\nto = ["c@d.org"]\n')


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "prod.alerts.toml"
    path.write_text(text)
    return path


def test_the_file_that_is_shipped_says_what_holds_without_it(tmp_path: Path) -> None:
    assert conf.load(SHIPPED).rules == conf.load(written(tmp_path, "")).rules
    assert set(conf.load(SHIPPED).rules) == set(RULES) and conf.load(SHIPPED).notify == ()
    assert set(re.findall(r"^\[rules\.(\w+)\]", SHIPPED.read_text(), re.MULTILINE)) == set(RULES)


def test_the_notifiers_that_it_shows_can_be_taken_as_they_are(tmp_path: Path) -> None:
    shown = [line.removeprefix("# ") for line in SHIPPED.read_text().splitlines()
             if line.startswith(("# [[notify]]", "# ")) and ("=" in line or "[[" in line) and "on = false" not in line]
    mail, hook = conf.load(written(tmp_path, "\n".join(shown))).notify
    assert isinstance(mail, Email) and (mail.port, mail.security, mail.at_least) == (587, "starttls", "critical")
    assert isinstance(hook, Webhook) and hook.url.startswith("https://") and hook.at_least == "warning"


@pytest.mark.parametrize("text,named", [
    ("[rules.stale]", "rules.stale is not known; there are unreachable, watchdog, stalled"),
    ("[rules.gap]\nhours = 1", "rules.gap.hours is not known; there are on, severity, minutes"),
    ("[rules.gap]\nminutes = -1", "rules.gap.minutes = -1: expected a number above 0"),
    ("[rules.gap]\nminutes = true", "rules.gap.minutes = True: expected a number"),
    ("[rules.spend]\npart = 80", "rules.spend.part = 80: expected a part from 0 to 1"),
    ("[rules.disk]\non = 1", "rules.disk.on: expected true or false"),
    ('[rules.disk]\nseverity = "page"', "rules.disk.severity = 'page': expected critical or warning"),
    ("rules = 1", "rules: expected tables"), ("[rules]\ngap = 1", "rules.gap: expected a table"),
    ("notify = 1", "notify: expected tables"), ("x = 1", "x is not known"),
    ('[expiry]\ncertificates = "a.pem"', "expiry.certificates: expected a list of texts"),
    ("[[notify]]\nname = \"A b\"\nkind = \"sms\"", "kind = 'sms': expected email or webhook"),
    ("[[notify]]\nkind = \"webhook\"\nurl = \"x\"", "name: expected a-z, 0-9 and _"),
    (MAIL.replace('host = "mail"\n', ""), "notify oncall: host is missing"),
    (MAIL.replace("c@d.org", "c@d.org\\nBcc: e@f.org"), "is no address"),
    (MAIL + 'user = "u"', "user goes with password_file"),
    (MAIL + 'user = "u"\npassword_file = "f"\nsecurity = "none"', 'a password needs security = "starttls"'),
    (MAIL + 'password = "x"', "password is not known"), (MAIL + "port = 0", "port = 0: expected a port"),
    (MAIL + MAIL, "two have the same name"),
    ('[[notify]]\nname = "a"\nkind = "webhook"', "give url or url_file"),
    ('[[notify]]\nname = "a"\nkind = "webhook"\nurl = "ftp://x"', "url: expected http://host or https://host"),
    ('[[notify]]\nname = "a"\nkind = "webhook"\nurl = "http://x"\nsecret_header = "A:\\n"', "is no name of a header"),
    ("[rules", "alerts file"), ])
def test_a_fault_is_one_line_that_names_file_and_place(tmp_path: Path, text: str, named: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BadUse) as caught:
        conf.load(path)
    assert named in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadUse, match=r"rules\.gap\.minutes.*two have the same name"):
        conf.load(written(tmp_path, "[rules.gap]\nminutes = 0\n" + MAIL + MAIL))


def test_which_file_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HASHTIDE_ALERTS", raising=False)
    assert conf.find(CLUSTER) == SHIPPED
    ini = tmp_path / "prod.ini"
    ini.write_text((config.CONF_DIR / "example.ini").read_text())
    beside = written(tmp_path, "")
    assert conf.find(config.load(ini)) == beside
    monkeypatch.setenv("HASHTIDE_ALERTS", "elsewhere.toml")
    assert conf.find(config.load(ini)) == Path("elsewhere.toml")
    with pytest.raises(BadUse, match="elsewhere.toml: No such file"):
        conf.load(conf.find(config.load(ini)))
