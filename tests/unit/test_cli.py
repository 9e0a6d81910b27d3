"""Bad use is one line that names the thing and the way out, with the exit codes of README; no stack trace, ever."""
from __future__ import annotations

import argparse
import errno
import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import cli
from deploy.errors import BadUse, HashtideError, Refused, SafeMode, TimedOut, Unreachable
from deploy.verbs import tests
from deploy.verbs.parsing import Parser


@pytest.fixture(autouse=True)
def no_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHTIDE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HASHTIDE_CLUSTER", raising=False)
    monkeypatch.delenv("X_BEARER_TOKEN", raising=False)


@pytest.fixture
def nowhere(tmp_path: Path) -> str:
    """A cluster file whose addresses nobody answers at."""
    path = tmp_path / "nowhere.ini"
    path.write_text("[hdfs]\ndefault_fs = hdfs://127.0.0.1:9\nwebhdfs = http://127.0.0.1:9\n"
                    "[yarn]\nresourcemanagers = http://127.0.0.1:9\n")
    return str(path)


def parsers(parser: argparse.ArgumentParser | None = None) -> Iterator[argparse.ArgumentParser]:
    parser = parser or cli.parser()
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from parsers(below)


@pytest.mark.parametrize("line,named,way_out", [
    ("upp", "unknown verb 'upp'", "expected one of up, down, status"),
    ("", "VERB", "hashtide --help"),
    ("stream", "VERB", "hashtide stream --help"),
    ("stream strat", "unknown verb 'strat'", "provision, submit"),
    ("status --all", "'--all' is no argument or option", "hashtide status --help"),
    ("top extra", "'extra' is no argument or option", "hashtide top --help"),
    ("top --minutes 0", "--minutes: '0'", "a whole number from 1 on"),
    ("top --minutes ²", "--minutes", "a whole number from 1 on"),
    ("top --minutes 9999999", "--minutes: '9999999'", "at most 527040"),
    ("top --minutes 5 --window 5m", "--window: not allowed with argument --minutes", "hashtide top --help"),
    ("top --window 0m", "--window: '0m'", "the shortest is 1m"),
    ("top --window 90s", "--window: '90s'", "the nearest is 1m or 2m"),
    ("top --slide 0.99h", "--slide: '0.99h'", "the nearest is 59m or 1h"),
    ("top --window 9999d", "--window: '9999d'", "the longest is 366d"),
    ("top --window quarter", "--window: 'quarter'", "such as 15m, 2h or 1d"),
    ("top --window 5m --slide 15m", "window 5m is shorter than slide 15m", "window 15m or slide 5m"),
    ("top --window 90m --slide 1h --by trend", "whole slides of 1h", "window 1h or 2h, or slide 45m"),
    ("top --window 2d --by trend --daily", "window 2d is longer than the 1d", "window 1d"),
    ("top --window 7h --slide 7h --by trend --daily", "whole slides of 7h", "slide 6h"),
    ("top --daily", "--daily is for trends", "add --by trend"),
    ("top --before 7", "--before is for trends", "add --by trend"),
    ("top --by fame", "--by", "'count', 'trend'"),
    ("top -k 0", "'0'", "a whole number from 1 on"),
    ("top --at noon", "--at: 'noon'", "such as 2026-03-01T10:15"),
    ("stream history --since soon", "--since: 'soon'", "such as 15m, 2h or 1d"),
    ("watchdog --stream My-Tags", "stream name 'My-Tags'", "a lower-case letter"),
    ("top --stream My-Tags", "stream name 'My-Tags'", "a lower-case letter"),
    ("checkpoint", "VERB", "hashtide checkpoint --help"),
    ("checkpoint list --stream My-Tags", "stream name 'My-Tags'", "a lower-case letter"),
    ("checkpoint restore", "point", "hashtide checkpoint restore --help"),
    ("checkpoint drop", "name", "hashtide checkpoint drop --help"),
    ("checkpoint fresh --from noon", "--from: 'noon'", "such as 2026-03-01T10"),
    ("backfill --from yesterday", "--from: 'yesterday'", "such as 2026-03-01T10"),
    ("backfill", "--from", "hashtide backfill --help"),
    ("test units", "unknown layer 'units'", "unit, dags, spark, ansible, cluster"),
    ("up --source kafka", "--source", "'simulator', 'x'"),
    ("up --source x", "--source x needs the bearer token", "X_BEARER_TOKEN"),
    ("up --rate 6000", "--rate 6000", "at most 5000"),
    ("up --search", "--search: the simulator begins without rules", "--rule has:hashtags"),
    ("up --faults nowhere.json", "--faults nowhere.json", "No such file"),
    ("up --faults setup.cfg", "--faults setup.cfg: no JSON", "Expecting value"),
    ("up --source x --faults setup.cfg", "--source x", "X_BEARER_TOKEN"),
    ("top", "no local cluster yet", "deploy/hashtide up"),
    ("top --cluster nope", "no cluster file", "deploy/conf: example"),
    ("bench", "VERB", "hashtide bench --help"),
    ("bench engine --tweets 0", "--tweets: '0'", "a whole number from 1 on"),
    ("bench engine --day-hours 25", "--day-hours: '25'", "from 0 to 24"),
    ("bench engine", "no jars of Delta", "installs them"),
    ("ingest replay /no/such/file", "/no/such/file", "no such file"),
])
def test_wrong_use_is_one_line_that_names_the_thing_and_the_way_out(
        line: str, named: str, way_out: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(line.split()) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and said.err.startswith("hashtide: ")
    assert named in said.err and way_out in said.err


def test_a_busy_or_wrong_port_setting_is_one_line(
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HASHTIDE_PORT_NAMENODE", "eighty")
    assert cli.main(["status"]) == 2
    assert capsys.readouterr().err == "hashtide: HASHTIDE_PORT_NAMENODE=eighty: expected a port from 1024 to 65535\n"


def test_all_faults_of_a_cluster_file_are_named_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.ini"
    bad.write_text("[hdfs]\ndefault_fs = nn:8020\nroot = hashtide\n[yarn]\nresourcemanagers = rm:8088\nqueue = a\n"
                   "[spark]\ndriver_memory = lots\nkeytab = /k\n[sprak]\n")
    assert cli.main(["stream", "status", "--cluster", str(bad)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    for fault in ("default_fs = nn:8020", "root = hashtide", "webhdfs is missing", "resourcemanagers = rm:8088",
                  "queue is no setting", "driver_memory = lots", "keytab and principal", "[sprak] is no section"):
        assert fault in said, fault


@pytest.mark.parametrize("verb", ["top", "stream status", "stream stop", "stream provision", "checkpoint list",
                                  "checkpoint savepoint x", "checkpoint restore x"])
def test_what_does_not_answer_is_named_and_the_code_is_three(
        verb: str, nowhere: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main([*verb.split(), "--cluster", nowhere])
    said = capsys.readouterr()
    # A status of what is down is an answer, and the answer is no.
    assert code == (1 if verb == "stream status" else 3)
    assert "127.0.0.1:9" in said.out + said.err and said.err.count("\n") <= 1


def test_status_before_anything_ran_says_how_to_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status"]) == 1
    assert capsys.readouterr().out == "Nothing runs; `deploy/hashtide up` starts it.\n"


def test_status_as_json_can_be_read_by_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"processes": [], "stream": None}


def test_stream_status_as_json_can_be_read_by_a_program(nowhere: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["stream", "status", "--json", "--cluster", nowhere]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["stream"], found["ok"]) == ("hashtags", False) and "127.0.0.1:9" in found["verdict"]


def test_down_where_nothing_runs_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["down"]) == 0
    assert capsys.readouterr().out == "Nothing ran.\n"


def test_deleting_everything_is_dry_without_yes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "home" / "local" / "hdfs"
    kept.mkdir(parents=True)
    assert cli.main(["down", "--delete-data"]) == 1
    assert capsys.readouterr().out.startswith("Would end nothing and delete ")
    assert kept.is_dir()


@pytest.mark.parametrize("error,code", [
    (HashtideError("no"), 1), (Refused("no"), 1), (TimedOut("no"), 1), (BadUse("no"), 2), (Unreachable("no"), 3),
    (SafeMode("no"), 3)])
def test_each_error_has_its_exit_code(
        error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert fails_with(error, monkeypatch) == code
    assert capsys.readouterr().err == "hashtide: no\n"


@pytest.mark.parametrize("number,way_out", [
    (errno.ENOSPC, "make room, or set HASHTIDE_HOME"), (errno.EACCES, "run as the user who owns it"),
    (errno.EIO, "Input/output error")])
def test_what_the_system_refuses_is_one_line(
        number: int, way_out: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert fails_with(OSError(number, os.strerror(number), "/data/run.json"), monkeypatch) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("hashtide: /data/run.json: ") and way_out in said


def test_an_interrupt_says_how_to_look(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert fails_with(KeyboardInterrupt(), monkeypatch) == 130
    assert capsys.readouterr().err == "hashtide: interrupted; `deploy/hashtide status` shows what runs\n"


def fails_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    def run(args: argparse.Namespace) -> int:
        raise error

    def parser() -> Parser:
        made = Parser(prog="hashtide")
        made.set_defaults(run=run)
        return made

    monkeypatch.setattr(cli, "parser", parser)
    return cli.main([])


@pytest.mark.parametrize("parser", list(parsers()), ids=lambda parser: parser.prog)
def test_every_help_ends_with_an_example(parser: argparse.ArgumentParser) -> None:
    assert "deploy/hashtide " in (parser.epilog or "")
    assert parser.format_help().rstrip().endswith((parser.epilog or "").rstrip())


@pytest.mark.parametrize("parser", list(parsers()), ids=lambda parser: parser.prog)
def test_every_option_says_what_it_is(parser: argparse.ArgumentParser) -> None:
    unsaid = [a.dest for a in parser._actions
              if not a.help and a.option_strings and not isinstance(a, argparse._SubParsersAction)]
    assert not unsaid


def test_the_tests_command_runs_all_layers_where_none_is_named() -> None:
    assert cli.parser().parse_args(["test"]).layer == "all"
    assert cli.parser().parse_args(["test", "unit", "spark"]).layer == ["unit", "spark"]


def test_layers_run_two_at_a_time_and_the_cluster_by_itself(monkeypatch: pytest.MonkeyPatch,
                                                            capsys: pytest.CaptureFixture[str]) -> None:
    on, seen, met = set[str](), dict[str, set[str]](), threading.Barrier(2)

    def run_layer(layer: str, only: None, first: bool, prefix: str) -> tests.Ended:
        on.add(layer)
        if layer in ("unit", "spark"):
            met.wait(10)   # breaks where they do not run at once
        seen[layer] = {*on}
        assert bool(prefix) == (layer != "cluster")
        on.discard(layer)
        bad = ["tests/dags/test_a.py::test_b"] * (layer == "dags")
        return len(bad), Counter(passed=2, failed=len(bad), skipped=1), bad

    monkeypatch.setattr(tests, "run_layer", run_layer)
    assert tests.run(argparse.Namespace(layer="all", k=None, x=False)) == 1
    assert seen.keys() == tests.LAYERS.keys() and seen["cluster"] == {"cluster"}
    assert max(map(len, seen.values())) <= 2
    assert capsys.readouterr().out.endswith(
        "\nfailed: tests/dags/test_a.py::test_b\n10 passed, 1 failed, 5 skipped\n")


def test_a_layers_report_names_what_failed(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text("""<testsuites><testsuite tests="4" failures="1" errors="1" skipped="1">
        <testcase classname="tests.unit.test_a" name="test_b[1]"/>
        <testcase classname="tests.unit.test_a" name="test_b[2]"><failure message="m">text</failure></testcase>
        <testcase classname="tests.dags.test_c" name="test_d"><error message="m">text</error></testcase>
        <testcase classname="tests.dags.test_c" name="test_e"><skipped message="m"/></testcase>
        </testsuite></testsuites>""")
    assert tests.counted(tmp_path / "report.xml") == (
        Counter(passed=1, failed=2, skipped=1), ["tests/unit/test_a.py::test_b[2]", "tests/dags/test_c.py::test_d"])
