from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from deploy.errors import BadUse
from deploy.local.ports import Ports, is_free, refuse_busy, setting


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_without_settings_the_usual_ports_are_used() -> None:
    ports = Ports.chosen(environ={})
    assert (ports.namenode, ports.namenode_web, ports.resourcemanager_web) == (8020, 9870, 8088)


def test_a_setting_moves_its_port_over_what_was_kept_over_the_usual_one(tmp_path: Path) -> None:
    kept = tmp_path / "ports.json"
    Ports(namenode=18020, datanode=19866).keep(kept)
    ports = Ports.chosen(kept, {"HASHTIDE_PORT_NAMENODE": "28020", "PATH": "/bin"})
    assert (ports.namenode, ports.datanode, ports.airflow) == (28020, 19866, 8080)


def test_what_was_kept_by_an_older_release_lacks_nothing(tmp_path: Path) -> None:
    kept = tmp_path / "ports.json"
    kept.write_text('{"namenode": 18020, "gone": 1}')
    assert Ports.chosen(kept, {}) == Ports(namenode=18020)


@pytest.mark.parametrize("environ,named", [
    ({"HASHTIDE_PORT_NAMENOD": "1234"}, "HASHTIDE_PORT_NAMENOD: there is no such port"),
    ({"HASHTIDE_PORT_NAMENODE": "80"}, "HASHTIDE_PORT_NAMENODE=80: expected a port from 1024 to 65535"),
    ({"HASHTIDE_PORT_NAMENODE": "²"}, "HASHTIDE_PORT_NAMENODE=²"),
    ({"HASHTIDE_PORT_NAMENODE": "8088"}, "port 8088 is given to HASHTIDE_PORT_NAMENODE and "
                                         "HASHTIDE_PORT_RESOURCEMANAGER_WEB")])
def test_a_wrong_setting_is_named(environ: dict[str, str], named: str) -> None:
    with pytest.raises(BadUse) as fault:
        Ports.chosen(environ=environ)
    assert named in str(fault.value)


@pytest.mark.parametrize("text", ["[1]", "{", '{"namenode": "x"}', "7"])
def test_a_spoilt_file_of_ports_is_named_with_the_way_out(tmp_path: Path, text: str) -> None:
    kept = tmp_path / "ports.json"
    kept.write_text(text)
    with pytest.raises(BadUse, match=r"ports\.json.*remove it"):
        Ports.chosen(kept, {})


def test_free_ports_are_as_many_as_there_are_names_and_all_different() -> None:
    ports = asdict(Ports.free())
    assert len(set(ports.values())) == len(ports) and all(map(is_free, ports.values()))


def test_a_busy_port_is_refused_in_one_line_with_its_holder_and_the_setting_that_moves_it(listener: int) -> None:
    with pytest.raises(BadUse) as fault:
        refuse_busy(Ports(namenode_web=listener), ["namenode_web"])
    said = str(fault.value)
    assert said.startswith(f"port {listener} is taken by pid {os.getpid()} (")
    assert said.endswith("move ours with HASHTIDE_PORT_NAMENODE_WEB=PORT") and "\n" not in said


def test_all_busy_ports_are_named_at_once(listener: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        busy = Ports(datanode=listener, airflow=other.getsockname()[1])
        with pytest.raises(BadUse) as fault:
            refuse_busy(busy, ["datanode", "airflow"])
    assert f"{setting('datanode')}=PORT and {setting('airflow')}=PORT" in str(fault.value)


def test_a_listener_on_every_address_of_the_machine_counts(listener: int) -> None:
    with socket.create_server(("", 0)) as server:
        assert not is_free(server.getsockname()[1])
    assert not is_free(listener)


def test_a_port_whose_connections_linger_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, server.accept()[0] as accepted:
            accepted.shutdown(socket.SHUT_RDWR)
            client.recv(1)
    assert is_free(port)
