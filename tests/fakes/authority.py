"""An authority of one's own, and servers' certificates that it signs: for TLS as a client meets it."""
from __future__ import annotations

import ssl
from datetime import datetime, timedelta, timezone
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HERE = (x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1")))
ELSEWHERE = (x509.DNSName("elsewhere.example"),)


class Authority:
    """`ca`: its own certificate, in PEM, for whoever should trust it."""

    def __init__(self, directory: Path, name: str = "of-the-tests") -> None:
        self._directory, self._key = directory, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.ca = directory / f"{name}.pem"
        made = self._of(self._name, self._key, 1).add_extension(x509.BasicConstraints(True, None), True)
        self.ca.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def context(self, names: tuple[x509.GeneralName, ...] = HERE, days: int = 1) -> ssl.SSLContext:
        """Of a server of these names, whose certificate ends in so many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        made = self._of(name, key, days).add_extension(x509.SubjectAlternativeName(names), False)
        path = self._directory / "server.pem"
        path.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM) + key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _of(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
        now = datetime.now(timezone.utc)
        return (x509.CertificateBuilder().subject_name(name).issuer_name(self._name).public_key(key.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=30))
                .not_valid_after(now + timedelta(days=days)))
