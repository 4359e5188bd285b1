"""Certificates and tokens, made anew for each test."""

from __future__ import annotations

import os
from pathlib import Path

import trustme

TOKEN, OTHER_TOKEN = "first-token-of-the-tests", "second-token-of-the-tests"


class SecurityFiles:
    """What a service with TLS, certificates of clients and tokens is given, in files."""

    def __init__(self, directory: Path) -> None:
        self.certificate, self.key = directory / "service.pem", directory / "service.key"
        self.authority, self.tokens = directory / "clients.pem", directory / "tokens"
        self.server_ca, self.client_ca = trustme.CA(), trustme.CA()
        self.server_certificate_authority = directory / "authority.pem"
        self.server_certificate_authority.write_bytes(self.server_ca.cert_pem.bytes())
        self.issue(self.server_ca)
        self.authority.write_bytes(self.client_ca.cert_pem.bytes())
        self.write_tokens(TOKEN)

    def issue(self, authority: trustme.CA) -> None:
        """Replaces the service's certificate and key, as a rotation does."""
        made = authority.issue_cert("localhost", "127.0.0.1")
        _write(self.certificate, b"".join(one.bytes() for one in made.cert_chain_pems))
        _write(self.key, made.private_key_pem.bytes())

    def write_tokens(self, *tokens: str) -> None:
        """Replaces the tokens."""
        _write(self.tokens, "".join(f"{token}\n" for token in tokens).encode())

    @property
    def tls(self) -> tuple[str, ...]:
        """Options of `flytewarm serve` for TLS."""
        return ("--tls-cert", str(self.certificate), "--tls-key", str(self.key))

    @property
    def mutual_tls(self) -> tuple[str, ...]:
        """The same, and clients need a certificate."""
        return (*self.tls, "--tls-client-ca", str(self.authority))


def _write(path: Path, content: bytes) -> None:
    """At once, as a mounted Secret changes."""
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_bytes(content)
    os.replace(new, path)
