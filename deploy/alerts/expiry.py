"""When certificates and Kerberos tickets on this machine end."""
from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.alerts.conf import Config
from deploy.lines import line


@dataclass(frozen=True)
class Expiry:
    """`ends_ms` is None where `fault` says why it is not known."""

    what: str
    path: str
    ends_ms: int | None
    fault: str = ""


def look(config: Config) -> list[Expiry]:
    return [_of(what, path, read) for what, paths, read in (
        ("certificate", config.certificates, certificate_ms), ("ticket", config.tickets, ticket_ms)) for path in paths]


def _of(what: str, path: str, read: object) -> Expiry:
    try:
        return Expiry(what, path, read(Path(path).read_bytes()))  # type: ignore[operator]
    except OSError as error:
        return Expiry(what, path, None, error.strerror or type(error).__name__)
    except ValueError as error:
        return Expiry(what, path, None, line(str(error), 120))


def certificate_ms(data: bytes) -> int:
    """The first end of all in a PEM file: a chain is as good as its weakest. ValueError where it has none."""
    from cryptography import x509

    return min(int(one.not_valid_after_utc.timestamp()) for one in x509.load_pem_x509_certificates(data)) * 1000


def ticket_ms(data: bytes) -> int:
    """The end of the newest ticket-granting ticket of a credential cache, the file format's version 4.

    https://web.mit.edu/kerberos/krb5-latest/doc/formats/ccache_file_format.html
    """
    try:
        return max(ends for server, ends in _credentials(data) if server.startswith(b"krbtgt")) * 1000
    except (struct.error, IndexError):
        raise ValueError("no credential cache of Kerberos, version 4") from None
    except ValueError:
        raise ValueError("no ticket-granting ticket in it") from None


def _credentials(data: bytes) -> Iterator[tuple[bytes, int]]:
    """(first component of the server's name, end in s) of each."""
    version, header = struct.unpack_from(">HH", data)
    if version != 0x0504:
        raise IndexError
    at, _ = _principal(data, 4 + header)
    while at < len(data):
        at, _ = _principal(data, at)
        at, server = _principal(data, at)
        (length,) = struct.unpack_from(">2xI", data, at)
        at += 6 + length
        (ends,) = struct.unpack_from(">8xI4x", data, at)
        at += 16 + 1 + 4   # times, is_skey, flags
        for _list in ("addresses", "authorization data"):
            (count,) = struct.unpack_from(">I", data, at)
            at += 4
            for _one in range(count):
                at, _ = _counted(data, at + 2)
        for _ticket in ("ticket", "second ticket"):
            at, _ = _counted(data, at)
        yield server, ends


def _principal(data: bytes, at: int) -> tuple[int, bytes]:
    (count,) = struct.unpack_from(">4xI", data, at)
    at, _ = _counted(data, at + 8)   # the realm
    first = b""
    for n in range(count):
        at, component = _counted(data, at)
        first = first if n else component
    return at, first


def _counted(data: bytes, at: int) -> tuple[int, bytes]:
    (length,) = struct.unpack_from(">I", data, at)
    if at + 4 + length > len(data):
        raise IndexError
    return at + 4 + length, data[at + 4:at + 4 + length]
