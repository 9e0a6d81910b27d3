"""Kerberos where the cluster file asks for it: requests that bring a ticket, and what is said where there is none."""
from __future__ import annotations

import getpass

import requests

from deploy.config import Cluster
from deploy.errors import HashtideError, NoTicket, Unreachable
from spark_apps import kerberos
from spark_apps.kerberos import KdcUnreachable, TicketError

KERBEROS = "kerberos"


def wanted(cluster: Cluster) -> bool:
    return cluster.hdfs.authentication == KERBEROS


def session(cluster: Cluster) -> requests.Session:
    """For WebHDFS and YARN's REST; no KDC is asked before a server asks."""
    made = requests.Session()
    made.trust_env = False
    if wanted(cluster):
        # Besides, WebHDFS refuses a name that is not the ticket's.
        made.auth = kerberos.Negotiate(cluster.spark.keytab, cluster.spark.principal)
    else:
        made.params = {"user.name": cluster.hdfs.user or getpass.getuser()}
    return made


def environment(cluster: Cluster) -> dict[str, str]:
    """For a process that finds its own ticket, such as one that reads tables without a JVM."""
    return kerberos.environment(cluster.spark.keytab) if wanted(cluster) else {}


def prepare(cluster: Cluster) -> None:
    """For libraries in this process that speak HDFS's own protocol. NoTicket; Unreachable where the KDC is away."""
    if wanted(cluster):
        try:
            kerberos.prepare(cluster.spark.keytab, cluster.spark.principal)
        except TicketError as error:
            raise of(error, cluster) from None


def of(error: TicketError, cluster: Cluster) -> HashtideError:
    if isinstance(error, KdcUnreachable):
        return Unreachable(f"{error}; is the KDC up?")
    way = "is its keytab the KDC's newest, and do the clocks agree?" if cluster.spark.keytab else \
        "`kinit` gets one, or keytab and principal in [spark] of the cluster file"
    return NoTicket(f"{error}; {way}")


def lacking(address: str) -> NoTicket:
    """What is not configured for Kerberos meets a server that asks for it."""
    return NoTicket(f"{address} asks for a Kerberos ticket: [hdfs] authentication = kerberos of the cluster file, with "
                    "keytab and principal in [spark], or a ticket by `kinit`")
