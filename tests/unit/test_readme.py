"""What README and the helps tell people to type can be typed, and the places they name are there."""
from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import cli
from deploy.local.ports import Ports, setting
from deploy.verbs.local import DAGS
from spark_apps.contract import TABLES
from tests.unit.test_cli import parsers

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def commands(text: str) -> Iterator[str]:
    """What stands behind deploy/hashtide in code, in a line or in back quotes; without trailing comments."""
    for found in re.findall(r"deploy/hashtide([^`\n]*)", text):
        # In a list of examples two blanks separate a command from what it does.
        yield re.split(r"\s{2,}|\s#\s", found)[0].strip().rstrip(".,;")


def all_commands() -> list[str]:
    helps = "\n".join(parser.epilog or "" for parser in parsers())
    return sorted({command for command in (*commands(README), *commands(helps)) if command})


@pytest.mark.parametrize("command", all_commands())
def test_a_command_that_is_written_down_can_be_given(command: str) -> None:
    args = cli.parser().parse([word.replace("$", "") for word in shlex.split(command)])
    assert callable(args.run)


def test_the_commands_are_found() -> None:
    assert {"up", "test", "up --no-install", "stream stop", "down --delete-data --yes"} <= set(all_commands())


def test_every_verb_is_in_readme_or_in_the_help_that_lists_them() -> None:
    said = set(all_commands())
    for action in cli.parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            assert {verb for verb in action.choices if not any(c.split()[0] == verb for c in said)} == set()


def where_things_are() -> list[str]:
    section = README.split("## Where things are")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [name for line in rows for name in re.findall(r"`([\w./]+)`", line) if "/" in name or name.endswith(".py")]


@pytest.mark.parametrize("name", where_things_are())
def test_a_place_that_readme_names_is_there(name: str) -> None:
    below = [ROOT / top / name for top in ("", "spark_apps", "deploy")]
    assert any(path.exists() for path in below)


def test_the_pinned_versions_are_where_readme_says() -> None:
    for name in re.findall(r"`(deploy/[\w./-]+)`", README):
        if not name.startswith("deploy/hashtide") and not name.endswith("prod.ini"):
            assert (ROOT / name).exists(), name


def test_the_dags_are_those_of_readme_of_up_and_of_the_directory() -> None:
    table = set(re.findall(r"^\| `(hashtag_\w+)`", README, re.MULTILINE))
    assert table == set(DAGS) == {path.stem for path in (ROOT / "dags").glob("hashtag_*.py")}


def test_the_ports_of_readme_are_the_usual_ones() -> None:
    line = " ".join(README[README.index("Ports of `up`"):].split("\n\n")[0].split())
    ports = Ports()
    named = {int(number) for number in re.findall(r"\b\d{4,5}\b", line)}
    assert named == {ports.namenode_web, ports.namenode, ports.resourcemanager_web, ports.airflow, ports.postgres,
                     ports.simulator}
    assert setting("<name>").upper() in line


def test_the_tables_of_readme_are_those_of_the_contract() -> None:
    listed = re.search(r"tables/\{([\w,]+)\}", README)
    assert listed and set(listed[1].split(",")) == set(TABLES)


def test_the_example_of_a_cluster_file_can_be_read() -> None:
    from deploy import config

    cluster = config.load("example")
    assert cluster.hdfs.webhdfs and cluster.yarn.resourcemanagers
