"""`lab` and `artifacts`: three systemd hosts to try the Ansible roles on, and what the roles install."""
from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from deploy import artifacts, config
from deploy.errors import BadUse, Refused
from deploy.lab import feed, layout, machine, rights
from deploy.lab.layout import HOSTS
from deploy.verbs.common import Steps, add_verb, dump

# With the worker that comes and goes.
_ALL = (*HOSTS, layout.SPARE)


def add_to(verbs: Any) -> None:
    made = add_verb(verbs, "artifacts", fill, "Pack what the Ansible roles install on hosts, with a manifest of "
                    "versions and checksums.", cluster=False, stream=False,
                    example="artifacts --into /srv/share/hashtide")
    made.add_argument("--into", type=Path, metavar="DIR", help="default: $HASHTIDE_HOME/artifacts")
    made.add_argument("--s3", action="store_true", help="with S3A and its part of the AWS SDK among Spark's jars: "
                      "for checkpoints on s3a://")
    lab = verbs.add_parser("lab", help="Three systemd hosts on this machine, for ansible/inventories/lab.",
                           description="Three systemd hosts on this machine, for ansible/inventories/lab.",
                           example="lab up")
    words = lab.add_subparsers(dest="word", metavar="WORD", required=True)
    plain: dict[str, Any] = {"cluster": False, "stream": False, "as_json": False}
    started = add_verb(words, "up", up, "Make and boot the hosts; those that run stay as they are.", **plain,
                       example="lab up")
    started.add_argument("--spare", action="store_true", help=f"{layout.SPARE.name} too, a worker that comes and goes")
    started.add_argument("--nice", type=int, default=5, choices=range(20), metavar="N",
                         help="how far the hosts yield to what else runs here: 0 not at all, 19 always (default: 5)")
    ended = add_verb(words, "down", down, "Power the hosts off; what was installed on them stays.", **plain,
                     example="lab down --delete --yes")
    ended.add_argument("--delete", action="store_true", help="and forget all that was installed on them")
    ended.add_argument("--yes", action="store_true", help="do delete; without, only say what would be")
    entered = add_verb(words, "ssh", ssh, "A shell on a host, or one command there.", **plain, example="lab ssh node1")
    entered.add_argument("host", choices=[host.name for host in _ALL], metavar="HOST",
                         help=", ".join(host.name for host in _ALL))
    entered.add_argument("command", nargs="*", metavar="COMMAND", help="default: a shell")
    lost = add_verb(words, "cut", cut, "Cut a host's power: kill -9 of all that it runs; `lab up` boots it again.",
                    **plain, example="lab cut node1")
    lost.add_argument("host", choices=[host.name for host in _ALL], metavar="HOST",
                      help=", ".join(host.name for host in _ALL))
    add_verb(words, "status", status, "Each host, and what systemd says of itself there.", cluster=False, stream=False,
             example="lab status --json")


def directory() -> Path:
    return config.home() / "lab"


def fill(args: argparse.Namespace) -> int:
    target = args.into or config.home() / "artifacts"
    manifest = artifacts.build(config.home(), target, jars=artifacts.WITH_S3 if args.s3 else artifacts.SPARKS)
    if args.json:
        dump(manifest)
    else:
        for name, about in manifest.items():
            print(f"{name} {about['version']}    {target / about['file']}    sha256 {about['sha256']}")
    return 0


def up(args: argparse.Namespace) -> int:
    if lacking := rights.missing():
        raise Refused(f"the lab cannot run here; missing: {'; '.join(lacking)}")
    say = Steps()
    say("packing artifacts")
    artifacts.build(config.home(), config.home() / "artifacts", artifacts.HADOOP)
    say("booting hosts")
    hosts = _ALL if args.spare else HOSTS
    machine.up(directory(), config.home() / "artifacts", hosts=hosts, nice=args.nice)
    feed.start(directory())
    say(f"{', '.join(f'{host.name} {host.address}' for host in hosts)} run; `deploy/hashtide lab ssh node1`")
    return 0


def down(args: argparse.Namespace) -> int:
    if args.delete and not args.yes:
        print(f"would power off {', '.join(host.name for host in HOSTS)} and delete what was installed on them; "
              "--yes does it")
        return 1
    if lacking := rights.missing():
        raise Refused(f"there can be no lab here; missing: {'; '.join(lacking)}")
    feed.stop(directory(), delete=args.delete)
    machine.down(directory(), delete=args.delete)
    print("the lab is down")
    return 0


def ssh(args: argparse.Namespace) -> int:
    host = next(host for host in _ALL if host.name == args.host)
    if not machine.record(directory(), host):
        raise BadUse(f"{host.name} does not run: `deploy/hashtide lab up` starts it")
    command = [*layout.ssh(host, directory()), *args.command]
    os.execvp(command[0], command)  # noqa: S606  # the shell becomes ssh's own


def cut(args: argparse.Namespace) -> int:
    machine.cut(directory(), next(host for host in _ALL if host.name == args.host))
    return 0


def status(args: argparse.Namespace) -> int:
    hosts = [host for host in _ALL if host in HOSTS or machine.record(directory(), host)]
    states = {host.name: machine.state(directory(), host) for host in hosts}
    if args.json:
        dump(states)
    else:
        for host in hosts:
            print(f"{host.name}    {host.address}    {states[host.name]}")
    return 0 if all(found == "running" for found in states.values()) else 1
