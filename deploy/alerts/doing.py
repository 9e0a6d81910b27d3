"""What the watchdog does of alerts: look at every stream and the cluster, write down what is new or over, tell.

    look -> rules (pure) -> plan (pure) --shown--> nothing else
                                |
                                v
                    book: open, resolve -> each notifier: take, send, done
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from deploy import watchdog
from deploy.alerts import cluster_directory, looking, rules
from deploy.alerts.book import FIRING, RESOLVED, Book, Episode, Told
from deploy.alerts.conf import CRITICAL, SEVERITIES, Config
from deploy.alerts.expiry import look as expiries
from deploy.alerts.here import Here
from deploy.alerts.looking import ClusterLook
from deploy.alerts.notifiers import Message, Notifier, NotSent
from deploy.alerts.planning import CLUSTER, Report, Row, plan
from deploy.alerts.rules import Firing, Found
from deploy.errors import HashtideError, Unreachable
from deploy.launch import Launcher
from deploy.lines import line
from deploy.outages import what_is_out
from spark_apps.contract import DAY_MS, HOUR_MS, StreamPaths


class Watch:
    """One pass over every stream. `write`: without it everything is only looked at."""

    def __init__(self, tools: Launcher, config: Config, notifiers: Sequence[Notifier], write: bool,
                 say: Callable[[str], None] = lambda text: None) -> None:
        self._tools, self._config, self._notifiers, self._write, self._say = tools, config, notifiers, write, say
        self.report = Report()
        self._silent: set[str] = set()   # notifiers that have failed in this pass

    def run(self) -> Report:
        """Raises nothing where a daemon is away: that is among what is told."""
        unreachable: dict[str, str] = {}
        try:
            for stream in watchdog.streams(self._tools):
                self._guarded(stream, lambda stream=stream: self._stream(stream, unreachable))  # type: ignore[misc]
            self._guarded("cluster", lambda: self._cluster({
                what: text for what, text in unreachable.items() if what != "HDFS"}))
        except Unreachable as error:
            unreachable["HDFS"] = line(str(error))
        self._hdfs(unreachable.get("HDFS", ""))
        return self.report

    def late(self, reason: str) -> Report:
        """Tells that the watchdog itself comes to no end. The next pass of `run` is what ends that."""
        now = self._tools.now_ms()
        found = Found(rules.late(self._config.rules["watchdog"], reason, now), frozenset())
        try:
            self._settle(CLUSTER, Book(self._tools.hdfs, cluster_directory(self._tools.cluster.root)), found, now)
        except Unreachable:
            self._settle(CLUSTER, Book(Here(self._tools.cluster.name), ""), found, now)
        return self.report

    def _guarded(self, whose: str, settle: Callable[[], None]) -> None:
        """One stream must not hide the others."""
        try:
            settle()
        except Unreachable:
            raise
        except HashtideError as error:
            self.report.faults.append(f"{whose}: {line(str(error))}")

    def _cluster(self, unreachable: dict[str, str]) -> None:
        look = ClusterLook(self._tools.now_ms(), unreachable, looking.room(self._tools), tuple(expiries(self._config)))
        self._settle(CLUSTER, Book(self._tools.hdfs, cluster_directory(self._tools.cluster.root)),
                     rules.of_cluster(look, self._config.rules), look.now_ms)

    def _stream(self, stream: str, unreachable: dict[str, str]) -> None:
        look = looking.look(self._tools, stream)
        if look.seen and look.seen.unknown:
            what = "YARN" if what_is_out(look.seen.unknown) == "ResourceManager" else "HDFS"
            unreachable.setdefault(what, line(look.seen.unknown))
        self.report.faults += [f"{stream}: {name}: {why}" for name, why in look.faults.items()]
        paths = StreamPaths(stream, self._tools.cluster.root)
        found = rules.of_stream(look, self._config.rules)
        self._settle(stream, Book(self._tools.hdfs, paths.alerts), found, look.now_ms)

    def _hdfs(self, fault: str) -> None:
        """That HDFS is away is written down on this machine: elsewhere is nowhere to write it."""
        look = ClusterLook(self._tools.now_ms(), {"HDFS": fault} if fault else {})
        only = [one for one in rules.of_cluster(look, self._config.rules).firing if one.key == "unreachable-hdfs"]
        try:
            self._settle(CLUSTER, Book(Here(self._tools.cluster.name), ""),
                         Found(tuple(only), frozenset({"unreachable", "watchdog"})), look.now_ms)
        except OSError as error:
            self.report.faults.append(f"{error.filename}: {error.strerror}: set HASHTIDE_HOME to another directory")

    def _settle(self, stream: str, book: Book, found: Found, now_ms: int) -> None:
        before = book.read()
        planned = plan(before, found)
        if self._write:
            for one in planned.opens:
                before[one.key] = book.open(one, before.get(one.key), now_ms)
                self._say(f"{stream or 'cluster'}: {one.title}: {one.reason}")
            for over in planned.resolves:
                if book.resolve(over, self._why_over(over), now_ms):
                    self._say(f"{stream or 'cluster'}: {over.key} is over")
        for one in planned.opens:
            self._firing(stream, book, before[one.key] if self._write else None, one, one.since_ms, now_ms)
        for episode, one in planned.stands:
            self._firing(stream, book, episode, one, int(book.said(episode).get("since_ms") or one.since_ms), now_ms)
        for unseen in planned.unseen:
            self.report.rows.append(self._row(stream, book, unseen, "unknown"))
        for episode in before.values():
            if episode.over_ms is not None or not self._write and episode in planned.resolves:
                self._over(stream, book, episode, now_ms)
        if self._write:
            book.tidy(now_ms)

    def _firing(self, stream: str, book: Book, episode: Episode | None, one: Firing, since_ms: int,
                now_ms: int) -> None:
        row = Row(stream, one.key, FIRING, one.severity, one.title, one.reason, one.next_step, since_ms)
        self.report.rows.append(row)
        self._tell(book, episode, FIRING, row, self._wanting(row.severity), now_ms)

    def _why_over(self, episode: Episode) -> str:
        rule = self._config.rules.get(episode.rule)
        return rules.OVER.get(episode.rule, rules.OFF) if rule and rule.on else rules.OFF

    def _row(self, stream: str, book: Book, episode: Episode, state: str) -> Row:
        said = book.said(episode)
        row = Row(stream, episode.key, state, str(said.get("severity") or CRITICAL),
                  str(said.get("title") or episode.key), str(said.get("reason") or "its reason was not kept"),
                  str(said.get("next_step") or ""), int(said.get("since_ms") or episode.since_ms))
        row.told = {one.name: self._state(book, episode, FIRING, one) for one in self._wanting(row.severity)}
        return row

    # telling

    def _wanting(self, severity: str) -> Iterable[Notifier]:
        return [one for one in self._notifiers if SEVERITIES.index(severity) <= SEVERITIES.index(one.at_least)]

    def _tell(self, book: Book, episode: Episode | None, what: str, row: Row, who: Iterable[Notifier],
              now_ms: int) -> None:
        for notifier in who:
            # Where another watchdog has closed it since the look, its end is what there is to tell.
            if self._write and episode and (what == RESOLVED or episode.over_ms is None):
                self._send(book, episode, what, notifier, row, now_ms)
            row.told[notifier.name] = self._state(book, episode, what, notifier) if episode else "not yet"

    def _over(self, stream: str, book: Book, episode: Episode, now_ms: int) -> None:
        """Of the last day. Whoever was to hear that it fired hears its end; within the hour everybody: a watchdog may
        have been killed before it told anyone, while a notifier that is new need not hear of old things."""
        over_ms = episode.over_ms or now_ms
        if over_ms < now_ms - DAY_MS:
            return
        waiting = [one for one in self._notifiers if (told := episode.told.get((RESOLVED, one.name))) is None
                   or told.done_ms is None]
        waiting = [one for one in waiting if episode.heard(one.name) or over_ms > now_ms - HOUR_MS]
        if waiting:
            row = self._row(stream, book, episode, RESOLVED)
            row.told = {}
            wanting = {one.name for one in self._wanting(row.severity)}
            who = [one for one in waiting if one.name in wanting]
            self._tell(book, episode, RESOLVED, row, who, now_ms)
            self.report.rows += [row] * bool(who)

    def _send(self, book: Book, episode: Episode, what: str, notifier: Notifier, row: Row, now_ms: int) -> None:
        if notifier.name in self._silent:
            # Whoever waits for each of many messages in turn comes too late for the next watchdog.
            episode.told.setdefault((what, notifier.name), Told(failed=True))
            return
        number = book.take(episode, what, notifier.name, self._tools.now_ms())
        if not number:
            return
        try:
            notifier.send(self._message(book, episode, what, row))
        except NotSent as error:
            self._silent.add(notifier.name)
            self.report.untold[notifier.name] = line(str(error))
            book.failed(episode, what, notifier.name, number, line(str(error)), self._tools.now_ms())
            episode.told[what, notifier.name] = Told(failed=True)
            return
        book.done(episode, what, notifier.name, self._tools.now_ms())
        episode.told[what, notifier.name] = Told(number, now_ms)
        self.report.sent += 1
        self._say(f"{notifier.name} has {what} of {row.key}")

    def _message(self, book: Book, episode: Episode, what: str, row: Row) -> Message:
        """As it was first found, so that each notifier gets the same."""
        said, over = book.said(episode), book.said(episode, RESOLVED) if what == RESOLVED else {}
        over_ms = int(over.get("time_ms") or episode.over_ms or 0) or None
        step = str(over.get("why") or rules.OFF) if over_ms else str(said.get("next_step") or row.next_step)
        found_ms = int(said.get("time_ms") or episode.since_ms)
        return Message(f"{row.stream or 'cluster'}.{episode.name}.{found_ms}.{what}", what, row.stream, row.rule,
                       row.severity, str(said.get("title") or row.title), str(said.get("reason") or row.reason), step,
                       int(said.get("since_ms") or row.since_ms), over_ms,
                       link(self._tools, row.stream, str(said.get("view") or "health")))

    def _state(self, book: Book, episode: Episode, what: str, notifier: Notifier) -> str:
        told = episode.told.get((what, notifier.name))
        if told and told.done_ms is not None:
            return "sent"
        if told and told.tried:
            return "being sent"
        if told and told.failed:
            return f"not yet: {book.error(episode, what, notifier.name) or 'it took nothing before this'}"
        return "not yet"


def link(tools: Launcher, stream: str, view: str) -> str:
    """The page, where the cluster file says where Airflow is."""
    url = tools.cluster.airflow.url
    if not url:
        return ""
    return f"{url}/hashtide/#{view}{'&' if '?' in view else '?'}stream={stream}" if stream else f"{url}/hashtide/"


def send_test(notifiers: Iterable[Notifier], tools: Launcher, who: str) -> dict[str, str]:
    """By notifier why it did not take a test message; empty where it did."""
    now = tools.now_ms()
    message = Message(f"test.{now}.test", "test", "", "test", "warning", "this is a test, nothing is wrong",
                      f"{who} asked for it", "Nothing.", now, None, link(tools, "", ""))
    found: dict[str, str] = {}
    for one in notifiers:
        try:
            one.send(message)
            found[one.name] = ""
        except HashtideError as error:
            found[one.name] = line(str(error))
    return found
