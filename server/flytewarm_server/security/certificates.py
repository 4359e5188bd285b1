"""The service's certificate and the authority of its clients, checked before they are used, again when they rotate."""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass
from pathlib import Path

import structlog

from flytewarm_server.security.files import Signature, UnusableFileError, read_file, signature

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Certificates:
    """What a TLS server needs, as PEM. `client_ca` is None where clients need no certificate."""

    chain: bytes
    key: bytes
    client_ca: bytes | None
    # The same for a server of Python's; clients may leave their certificate out.
    context: ssl.SSLContext


class CertificateFiles:
    """Where it is. Calls may come from any thread: gRPC asks from its own."""

    def __init__(self, chain: Path, key: Path, client_ca: Path | None) -> None:
        """Raises UnusableFileError."""
        self._chain, self._key, self._client_ca = chain, key, client_ca
        self._lock = threading.Lock()
        self._signature = self._look()
        self.current = self._load()

    def refresh(self) -> Certificates:
        """What is current now. Files that do not fit together are told of once, and not used."""
        with self._lock:
            if (found := self._look()) != self._signature:
                self._signature = found
                self._reload()
            return self.current

    def _reload(self) -> None:
        try:
            self.current = self._load()
        except UnusableFileError as error:
            _log.warning("certificate not reloaded", option=error.option, reason=str(error))
        else:
            _log.info("certificate reloaded", file=str(self._chain))

    def _look(self) -> Signature:
        return signature(self._chain, self._key, *([self._client_ca] if self._client_ca else []))

    def _load(self) -> Certificates:
        chain = read_file("tls_cert", self._chain, private=False)
        key = read_file("tls_key", self._key, private=True)
        authority = read_file("tls_client_ca", self._client_ca, private=False) if self._client_ca else None
        _check("tls_cert", self._chain, chain)
        if self._client_ca is not None and authority is not None:
            _check("tls_client_ca", self._client_ca, authority)
        context = self._context(authority)
        if self._look() != self._signature:
            raise UnusableFileError("tls_cert", self._chain, "at rest: it or its key was changed while it was read")
        return Certificates(chain, key, authority, context)

    def _context(self, authority: bytes | None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if authority is not None:
            context.load_verify_locations(cadata=authority.decode())
            context.verify_mode = ssl.CERT_OPTIONAL
        try:
            # A key with a passphrase is refused: OpenSSL would ask for it on the terminal.
            context.load_cert_chain(self._chain, self._key, password=lambda: b"")
        except ssl.SSLError as error:
            wanted = f"a PEM private key, without passphrase, of the certificate in {self._chain}"
            raise UnusableFileError("tls_key", self._key, f"{wanted} ({error.reason or error})") from None
        return context


def _check(option: str, path: Path, data: bytes) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=data.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise UnusableFileError(option, path, "a PEM file of certificates") from None
