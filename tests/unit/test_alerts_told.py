"""Who is told of an alert, by a real mail server and a real web server: once, and of its end once."""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from deploy.alerts import book, conf, doing, looking, notifiers
from deploy.alerts.book import LEASE_MS, Book
from deploy.alerts.conf import Email, Webhook
from deploy.alerts.doing import Watch
from deploy.alerts.looking import Look
from deploy.alerts.notifiers import Message, NotSent
from deploy.alerts.planning import Report
from deploy.observation import Observation
from spark_apps.contract import HOUR_MS, MINUTE_MS, hour_name
from spark_apps.gap import Gap
from tests.fakes.hearing import Hooked, Mailbox, hook, mailbox
from tests.fakes.page import DRIFTING, ERROR, PATHS, STREAM, Page, beat, filled
from tests.fakes.world import World

START = 1_800_001_800_000
#: What the day of the page's fakes has all the time.
LASTING = {"drift", "unsound", "spend"}


class Clock:
    ms = START

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHTIDE_HOME", str(tmp_path / "home"))


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    with mailbox() as made:
        yield made


@pytest.fixture
def web() -> Iterator[Hooked]:
    with hook() as made:
        yield made


@pytest.fixture
def both(mail: Mailbox, web: Hooked) -> conf.Config:
    return replace(conf.load(conf.CONF_DIR / "alerts.toml"), notify=(
        Email("post", "127.0.0.1", "hashtide@example.org", ("oncall@example.org",), port=mail.port, security="none"),
        Webhook("chat", url=web.url)))


@pytest.fixture
def day(tmp_path: Path) -> Page:
    return filled(tmp_path / "day", Clock(), hours=12, tags=2)


def watch(page: Page, config: conf.Config, minutes: float = 5) -> Report:
    """The next run of hashtag_watchdog."""
    page.clock.ms += int(minutes * MINUTE_MS)  # type: ignore[attr-defined]
    page.tick()
    beat(page, page.clock() - 4_000)
    # Nothing more arrives of which counts could be new.
    epoch = 4 if page.hdfs.exists(PATHS.epoch(4)) else 3
    page.hdfs.write_json(PATHS.heartbeat, {
        **(page.hdfs.read_json(PATHS.heartbeat) or {}), "epoch": epoch, "backlog_files": 0})
    page.hdfs.write_json(PATHS.through("x"), {"through_ms": page.clock(), "written_ms": page.clock(), "source": "x"})
    return Watch(page.launcher(), config, notifiers.made(config), True).run()


def heard(web: Hooked) -> list[tuple[str, str]]:
    return [(body["rule"], body["state"]) for body in web.bodies]


def killed(page: Page) -> Callable[[], None]:
    """A driver that nobody asked to end; later another one."""
    now = page.clock()
    page.hdfs.write_json(PATHS.restart(3), {"epoch": 3, "time_ms": now, "class": "error", "evidence": ERROR})
    page.rm.all[-1].to_ms = now

    def back() -> None:
        at = page.clock()
        page.hdfs.write_json(PATHS.epoch(4), {"release": "0.1.0-aaaa", "time_ms": at, "generation": 1})
        page.rm.add(4)
        page.hdfs.replace(f"{PATHS.batches}/g0001-000004.a1-{hour_name(at)}.jsonl",
                          b'{"batch_id": 9000, "commit_ms": %d}\n' % (at + 1_000))
    return back


def gap(page: Page) -> Callable[[], None]:
    found = Gap(page.clock() - 11 * MINUTE_MS, "x", "silence", "no keep-alive\r\nBcc: evil@example.org")

    def written(one: Gap) -> None:
        page.hdfs.write_json(f"{PATHS.gaps}/{one.name}.json", asdict(one))
    written(found)
    return lambda: written(replace(found, end_ms=page.clock()))


def drift(page: Page) -> Callable[[], None]:
    hour = START - START % HOUR_MS - (DRIFTING - 1) * HOUR_MS
    page.hdfs.write_json(PATHS.verify_result(hour), {"unexplained": 7, "revision": 1, "differences": []})
    return lambda: page.hdfs.write_json(PATHS.verify_result(hour), {"unexplained": 0, "revision": 1})


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("what,rule,calm", [(killed, "restarted", 3), (gap, "gap", 0), (drift, "drift", 0)])
def test_what_happens_is_told_once_and_its_end_once(day: Page, both: conf.Config, mail: Mailbox, web: Hooked,
                                                    what: Callable[[Page], Callable[[], None]], rule: str,
                                                    calm: int) -> None:
    assert watch(day, both).rows and {one for one, _ in heard(web)} <= LASTING
    web.bodies.clear()
    web.headers.clear()
    mail.mails.clear()
    over = what(day)
    watch(day, both, 1)
    watch(day, both)
    assert heard(web) == [(rule, "firing")] and len(mail.mails) == 1
    over()
    for _ in range(calm):
        watch(day, both)
        assert len(web.bodies) == 1
    watch(day, both)
    watch(day, both)
    assert heard(web) == [(rule, "firing"), (rule, "resolved")] and len(mail.mails) == 2
    first, last = mail.mails
    assert first["In-Reply-To"] is None and last["In-Reply-To"].strip() == first["Message-ID"].strip()
    assert last["Subject"] == first["Subject"].replace("[hashtide]", "[hashtide] Resolved:")
    body = web.bodies[0]
    assert body["reason"] and body["next_step"] and body["stream"] == STREAM and body["text"].startswith("[hashtide]")
    assert web.headers[0]["Idempotency-Key"] == body["id"] and mail.raw[-1].count(b"\nBcc:") == 0


@pytest.mark.usefixtures("home")
def test_one_that_is_down_is_told_later_and_holds_up_nobody(day: Page, both: conf.Config, mail: Mailbox,
                                                            web: Hooked) -> None:
    mail.refuses = "451 try again"
    report = watch(day, both)
    assert {rule for rule, _ in heard(web)} == {"drift", "unsound"} and not mail.mails
    assert "451" in report.untold["post"] and {row.told["chat"] for row in report.rows} == {"sent"}
    assert {row.told["post"].partition(":")[0] for row in report.rows} == {"not yet"}
    mail.refuses, n = "", len(web.bodies)
    assert watch(day, both).untold == {}
    assert len(mail.mails) == n == len(web.bodies)


@pytest.mark.usefixtures("home")
def test_whoever_was_down_all_the_while_hears_only_that_it_was(day: Page, both: conf.Config, mail: Mailbox,
                                                               web: Hooked) -> None:
    watch(day, both)
    mail.mails.clear()
    mail.refuses = "451 try again"
    over = gap(day)
    watch(day, both, 1)
    over()
    watch(day, both, 1)
    mail.refuses = ""
    watch(day, both, 1)
    assert [one["Subject"] for one in mail.mails] == ["[hashtide] Resolved: stream a: nothing is received from x"]
    assert heard(web)[-2:] == [("gap", "firing"), ("gap", "resolved")]


@pytest.mark.usefixtures("home")
def test_many_watchdogs_at_once_tell_of_each_once(day: Page, both: conf.Config, mail: Mailbox, web: Hooked) -> None:
    for n in range(3):
        day.hdfs.write_json(f"{PATHS.gaps}/{START - n - 20 * MINUTE_MS:013d}-y{n}.json",
                            asdict(Gap(START - n - 20 * MINUTE_MS, f"y{n}", "lost")))
    go = threading.Barrier(4)

    def one() -> None:
        go.wait()
        Watch(day.launcher(), both, notifiers.made(both), True).run()
    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    ids = [body["id"] for body in web.bodies]
    assert len(ids) == len(set(ids)) == len(mail.mails) == 6


class Killed(BaseException):
    """Nothing of ours catches it."""


class Recorded:
    name, at_least = "kept", "warning"

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, message: Message) -> None:
        self.sent.append(message.id)


@pytest.mark.usefixtures("home")
def test_a_watchdog_that_is_killed_anywhere_leaves_nobody_untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before each write to HDFS and after it: what was not told a later one tells, nothing is told a third time."""
    rules = conf.load(conf.CONF_DIR / "alerts.toml")
    gaps: list[Gap] = []
    monkeypatch.setattr(looking, "look", lambda tools, stream: Look(
        stream, tools.now_ms(), Observation(stream, tools.now_ms()), 0, [], [], list(gaps), [], {}))
    twice = 0
    for at in range(1, 12):
        world, told, calls = World(), Recorded(), [0]
        world.hdfs.mkdirs(PATHS.control)
        real = {name: getattr(world.hdfs, name) for name in ("create_exclusive", "write_json", "delete")}

        def cut(name: str, real: dict[str, Any] = real, calls: list[int] = calls, at: int = at) -> Callable[..., Any]:
            def call(*args: Any, **more: Any) -> Any:
                calls[0] += 1
                if calls[0] * 2 - 1 == at:
                    raise Killed
                found = real[name](*args, **more)
                if calls[0] * 2 == at:
                    raise Killed
                return found
            return call

        for name in real:
            setattr(world.hdfs, name, cut(name))
        gaps[:] = [Gap(world.now_ms() - 20 * MINUTE_MS, "x", "lost")]
        for state in ("firing", "resolved"):
            for _ in range(3):
                try:
                    Watch(world.tools, rules, [told], True).run()
                except Killed:
                    assert at <= 2 * calls[0]
                world.sleep(LEASE_MS / 1000)
            times = [one for one in told.sent if one.endswith(state)]
            assert 1 <= len(times) <= 2 and len(set(times)) == 1, (at, told.sent)
            twice += len(times) - 1
            gaps.clear()
    assert 0 < twice <= 4   # between what was sent and what was written of it


@pytest.mark.usefixtures("home")
def test_while_hdfs_is_away_that_is_told_from_this_machine(day: Page, both: conf.Config, mail: Mailbox,
                                                           web: Hooked) -> None:
    watch(day, both)
    web.bodies.clear()
    tools = day.launcher()
    day.hdfs.down = True
    for _ in range(2):
        Watch(tools, both, notifiers.made(both), True).run()
    day.hdfs.down = False
    for _ in range(2):
        Watch(tools, both, notifiers.made(both), True).run()
    assert [(one["title"], one["state"]) for one in web.bodies] == [
        ("HDFS does not answer", "firing"), ("HDFS does not answer", "resolved")]


@pytest.mark.usefixtures("home")
def test_a_new_notifier_hears_what_fires_and_nothing_of_old(day: Page, both: conf.Config, web: Hooked) -> None:
    silent = replace(both, notify=())
    over = gap(day)
    watch(day, silent)
    over()
    watch(day, silent)
    watch(day, both, 70)
    assert {(rule, state) for rule, state in heard(web)} == {("drift", "firing"), ("unsound", "firing")}


@pytest.mark.usefixtures("home")
def test_what_has_long_been_over_is_forgotten(day: Page, both: conf.Config) -> None:
    over = gap(day)
    watch(day, both)
    over()
    watch(day, both)
    kept = [name for name in day.hdfs.list(PATHS.alerts) if name.startswith("gap-")]
    assert len(kept) == 2 * (1 + 2 * 2)   # each state, and of each notifier its try and that it is done
    Book(day.hdfs, PATHS.alerts).tidy(day.clock() + book.KEPT_MS + 1)
    assert [name for name in day.hdfs.list(PATHS.alerts) if name.startswith("gap-")] == []
    assert {name.partition("-")[0] for name in day.hdfs.list(PATHS.alerts)} == {"drift", "unsound"}


@pytest.mark.usefixtures("home")
def test_looking_writes_and_sends_nothing(day: Page, both: conf.Config, mail: Mailbox, web: Hooked) -> None:
    before = dict(day.hdfs.data)
    report = Watch(day.launcher(), both, notifiers.made(both), False).run()
    assert {row.rule for row in report.rows} == LASTING and {row.told["chat"] for row in report.rows} == {"not yet"}
    assert day.hdfs.data == before and not mail.mails and not web.bodies


@pytest.mark.usefixtures("home")
def test_by_severity(day: Page, both: conf.Config, web: Hooked, mail: Mailbox) -> None:
    config = replace(both, notify=(replace(both.notify[0], at_least="critical"), both.notify[1]))
    watch(day, config)
    assert ["does not add up" in one["Subject"] for one in mail.mails] == [True] and len(web.bodies) == 2


@pytest.mark.usefixtures("home")
def test_a_test_message_says_who_took_it(day: Page, both: conf.Config, mail: Mailbox, web: Hooked) -> None:
    web.answers = 302
    found = doing.send_test(notifiers.made(both), day.launcher(), "me")
    assert found == {"post": "", "chat": "webhook at http://127.0.0.1 answers 302"}
    assert mail.mails[0]["Subject"] == "[hashtide] this is a test, nothing is wrong"


def message(**more: Any) -> Message:
    return replace(Message("a.gap-x~0001.1.firing", "firing", "a", "gap", "critical", "title", "reason", "next", START),
                   **more)


class TestSecrets:
    def login(self, tmp_path: Path, port: int, password: str) -> Email:
        (tmp_path / "password").write_text(password + "\n")
        return Email("post", "127.0.0.1", "a@b.org", ("c@d.org",), port=port, security="none", user="hashtide",
                     password_file=str(tmp_path / "password"))

    def test_a_login_by_a_file_of_its_own(self, tmp_path: Path) -> None:
        with mailbox(("hashtide", "s3cret")) as box:
            notifiers.Mail(self.login(tmp_path, box.port, "s3cret"), notifiers.of_environment).send(message())
            with pytest.raises(NotSent, match="refuses user hashtide: 535") as caught:
                notifiers.Mail(self.login(tmp_path, box.port, "wr0ng"), notifiers.of_environment).send(message())
        assert len(box.mails) == 1 and "wr0ng" not in str(caught.value)

    @pytest.mark.parametrize("said", ['{"conn_type": "smtp", "password": "s3cret/"}', "smtp://u:{}@mail:25".format("s3cret%2F")])
    def test_a_connection_as_airflow_has_it_in_the_environment(self, said: str, web: Hooked,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_HOOK", said)
        said = Webhook("chat", url=web.url, secret_connection="hook")   # noqa: S106 - its name
        notifiers.Hook(said, notifiers.of_environment).send(message())
        assert web.headers[0]["X-Hashtide-Secret"] == "s3cret/"

    @pytest.mark.parametrize("text", ["", "a\nb", "a\x00b"])
    def test_a_secret_that_is_none_is_named_by_its_file(self, tmp_path: Path, text: str, web: Hooked) -> None:
        (tmp_path / "secret").write_text(text)
        with pytest.raises(NotSent, match="secret: expected one line"):
            notifiers.Hook(Webhook("chat", url=web.url, secret_file=str(tmp_path / "secret")),
                           notifiers.of_environment).send(message())

    def test_an_address_that_is_the_secret_is_in_no_error(self, tmp_path: Path, web: Hooked) -> None:
        web.answers = 500
        (tmp_path / "url").write_text(web.url)
        with pytest.raises(NotSent) as caught:
            notifiers.Hook(Webhook("chat", url_file=str(tmp_path / "url")), notifiers.of_environment).send(message())
        assert str(caught.value) == "webhook at http://127.0.0.1 answers 500"

    def test_who_does_not_speak_tls_gets_no_password(self, tmp_path: Path) -> None:
        with mailbox() as box:
            said = replace(self.login(tmp_path, box.port, "s3cret"), security="starttls")
            with pytest.raises(NotSent, match="mail server 127.0.0.1") as caught:
                notifiers.Mail(said, notifiers.of_environment).send(message())
        assert not box.mails and "s3cret" not in str(caught.value)


HOSTILE = "x\r\nBcc: evil@example.org\r\n\r\n<script>alert(1)</script> \u202egnp.exe \x1b[2J" + "z" * 3_000


def test_words_that_mean_harm_are_words_and_no_more(mail: Mailbox, web: Hooked, both: conf.Config) -> None:
    for one in notifiers.made(both):
        one.send(message(title=HOSTILE, reason=HOSTILE, next_step=HOSTILE))
    [found], raw = mail.mails, mail.raw[0]
    assert found["Bcc"] is None and found["To"] == "oncall@example.org" and not found.is_multipart()
    assert found.get_content_type() == "text/plain" and "<script>" in found.get_content()
    assert b"\x1b" not in raw and "\u202e" not in found.get_content() and len(found["Subject"]) <= 200
    assert found.get_content().count("\n") < 12 and web.bodies[0]["reason"] == HOSTILE
