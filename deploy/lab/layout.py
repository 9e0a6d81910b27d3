"""Names, addresses and commands of the lab: pure."""
from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

BRIDGE = "10.77.0.1"
LAB_NAMESPACE = "hashtide-lab"
PACKAGES = ("systemd", "systemd-sysv", "dbus", "python3", "openssh-server", "iproute2", "procps",
            "openjdk-17-jre-headless", "ca-certificates-java", "sudo", "libpam-systemd", "tar", "gzip", "iputils-ping",
            "nftables", "postgresql", "python3-venv", "unzip", "krb5-user", "python3-gssapi", "krb5-kdc",
            "krb5-admin-server")
#: Of packages that one host needs: without its database the first would fail on the others.
DISABLED = ("krb5-kdc.service", "krb5-admin-server.service")
#: What a host without clock, console or name service of its own would wait for.
MASKED = ("systemd-networkd-wait-online.service", "systemd-resolved.service", "systemd-timesyncd.service",
          "getty.target", "console-getty.service")


@dataclass(frozen=True)
class Host:
    name: str
    number: int

    @property
    def address(self) -> str:
        return f"10.77.0.{10 + self.number}"

    @property
    def namespace(self) -> str:
        return f"hashtide-{self.name}"

    @property
    def uuid(self) -> str:
        return uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.name}.lab.hashtide").hex


HOSTS = tuple(Host(f"node{n}", n) for n in (1, 2, 3))
#: A fourth, for a worker that comes and goes; made where it is asked for.
SPARE = Host("node4", 4)


def shares(nice: int) -> int:
    """What a process of this niceness weighs beside others, of 1024: a fifth less each step, as the kernel has it."""
    return max(2, round(1024 / 1.25 ** nice))


def network() -> list[list[str]]:
    """What makes the lab's namespace with its bridge."""
    inside = ["ip", "-n", LAB_NAMESPACE]
    return [["ip", "netns", "add", LAB_NAMESPACE], [*inside, "link", "set", "lo", "up"],
            [*inside, "link", "add", "lab0", "type", "bridge"],
            [*inside, "addr", "add", f"{BRIDGE}/24", "dev", "lab0"], [*inside, "link", "set", "lab0", "up"]]


def connection(host: Host) -> list[list[str]]:
    """What makes the host's namespace, and a pair of interfaces from there to the bridge."""
    inside, own = ["ip", "-n", LAB_NAMESPACE], ["ip", "-n", host.namespace]
    return [["ip", "netns", "add", host.namespace], [*own, "link", "set", "lo", "up"],
            [*inside, "link", "add", host.name, "type", "veth", "peer", "name", "host0", "netns", host.namespace],
            [*inside, "link", "set", host.name, "master", "lab0"], [*inside, "link", "set", host.name, "up"],
            [*own, "addr", "add", f"{host.address}/24", "dev", "host0"], [*own, "link", "set", "host0", "up"]]


def nspawn(host: Host, root: Path, artifacts: Path) -> list[str]:
    return ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", f"--directory={root}",
            f"--machine={host.name}", f"--uuid={host.uuid}", f"--network-namespace-path=/run/netns/{host.namespace}",
            # Of its own network alone: for its firewall.
            "--capability=CAP_NET_ADMIN", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
            f"--bind-ro={artifacts}:/opt/artifacts", "--console=pipe"]


def ssh(host: Host, directory: Path) -> list[str]:
    """Only by ssh, as in production: nsenter would keep capabilities that the host does not have."""
    return ["ip", "netns", "exec", LAB_NAMESPACE, "ssh", "-i", str(directory / "key"), "-o", "StrictHostKeyChecking=no",
            "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=5",
            f"root@{host.address}"]
