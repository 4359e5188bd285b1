"""What a client shows of itself, and how it knows the service: certificates and a bearer token."""

from __future__ import annotations

import os
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from flytewarm.channel import is_local, is_unix

TLS_VARIABLE = "FLYTEWARM_TLS"
CA_CERT_VARIABLE = "FLYTEWARM_CA_CERT"
CLIENT_CERT_VARIABLE = "FLYTEWARM_CLIENT_CERT"
CLIENT_KEY_VARIABLE = "FLYTEWARM_CLIENT_KEY"
TOKEN_VARIABLE = "FLYTEWARM_TOKEN"
TOKEN_FILE_VARIABLE = "FLYTEWARM_TOKEN_FILE"
# As they are named in Python, and on the command line.
_NAMES = {name: f"{name} (--{name.replace('_', '-')})" for name in ("ca_cert", "client_cert", "client_key")}
_ON, _OFF = ("true", "1", "yes", "on"), ("", "false", "0", "no", "off")
# What gRPC takes as the value of a header.
_TOKEN = re.compile(r"[\x21-\x7e]+")

Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What a connection is made with. Files are named by their paths.

    `tls`: speak TLS, which also every one of the next three implies. Default: no TLS; never on a Unix socket.
    `ca_cert`: certificates in PEM of the authorities that the service's may be signed by. Default: gRPC's own list.
    `client_cert`, `client_key`: the client's certificate chain and private key in PEM, where the service wants them.
    `token`: the bearer token of all calls. `token_file`: a file whose first line is the token; lines that are empty or
    begin with # do not count. It is read again when it has changed. Default: no token.

    Raises ValueError for a certificate without its key, and for a token that is given twice.
    """

    tls: bool = False
    ca_cert: str | os.PathLike[str] | None = None
    client_cert: str | os.PathLike[str] | None = None
    client_key: str | os.PathLike[str] | None = None
    token: str | None = field(default=None, repr=False)
    token_file: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if (self.client_cert is None) != (self.client_key is None):
            missing = "client_key" if self.client_key is None else "client_cert"
            told = f"{_NAMES[missing]} is missing"
            raise ValueError(f"a client's certificate and its key are needed together; {told}")
        if self.token is not None and self.token_file is not None:
            raise ValueError("either a token or a file with one is needed (token, token_file)")

    @classmethod
    def from_environment(
        cls,
        *,
        tls: bool = False,
        ca_cert: str | None = None,
        client_cert: str | None = None,
        client_key: str | None = None,
        token_file: str | None = None,
    ) -> Credentials:
        """From FLYTEWARM_TLS, _CA_CERT, _CLIENT_CERT, _CLIENT_KEY, _TOKEN and _TOKEN_FILE, as far as they are set;
        what is given here wins, and FLYTEWARM_TOKEN over FLYTEWARM_TOKEN_FILE. Raises ValueError."""
        token = None if token_file else os.environ.get(TOKEN_VARIABLE) or None
        if token is None:
            token_file = token_file or os.environ.get(TOKEN_FILE_VARIABLE) or None
        if client_cert is None and client_key is None:
            client_cert = os.environ.get(CLIENT_CERT_VARIABLE) or None
            client_key = os.environ.get(CLIENT_KEY_VARIABLE) or None
        return cls(
            tls=tls or _switch(TLS_VARIABLE),
            ca_cert=ca_cert or os.environ.get(CA_CERT_VARIABLE) or None,
            client_cert=client_cert,
            client_key=client_key,
            token=token,
            token_file=token_file,
        )

    def for_channel(self, target: str) -> grpc.ChannelCredentials | None:
        """gRPC's credentials for a channel to a resolved target; None for a channel without TLS.

        Raises ValueError for a file that cannot be read or used, and for a token that would travel in the clear.
        """
        if is_unix(target):
            return None
        if not (self.tls or self.ca_cert or self.client_cert):
            if (self.token or self.token_file) and not is_local(target):
                raise ValueError(
                    f"a token would travel to {target} in the clear: use TLS (tls, ca_cert), a Unix socket or loopback"
                )
            return None
        ca_cert, client_cert = _certificates("ca_cert", self.ca_cert), _certificates("client_cert", self.client_cert)
        client_key = _content("client_key", self.client_key)
        if self.client_cert is not None and self.client_key is not None:
            _check_key(self.client_cert, self.client_key)
        return grpc.ssl_channel_credentials(ca_cert, client_key, client_cert)

    def bearer(self) -> BearerToken:
        """The token of each call. Raises ValueError when there should be one and is none."""
        return BearerToken(self.token, self.token_file)


class BearerToken:
    """The token as metadata of a call."""

    def __init__(self, token: str | None, file: str | os.PathLike[str] | None) -> None:
        """Raises ValueError, which does not tell the token."""
        self._file = None if file is None else Path(file)
        self._changed = 0
        self._metadata: Metadata = ()
        if token is not None:
            self._metadata = _header(token, "token")
        elif self._file is not None:
            self._read(self._file)

    def metadata(self) -> Metadata:
        """What a call that begins now takes along. While the file cannot be read it is the last token."""
        if self._file is not None:
            try:
                if self._file.stat().st_mtime_ns != self._changed:
                    self._read(self._file)
            except (OSError, ValueError):
                pass
        return self._metadata

    def _read(self, file: Path) -> None:
        try:
            self._changed = file.stat().st_mtime_ns
            lines = file.read_text(encoding="ascii").splitlines()
        except (OSError, ValueError) as error:
            raise ValueError(f"token_file (--token-file) {file} cannot be read: {_reason(error)}") from None
        tokens = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        if not tokens:
            raise ValueError(f"token_file (--token-file) {file} has no token")
        self._metadata = _header(tokens[0], f"the token in {file}")


def _header(token: str, name: str) -> Metadata:
    if not _TOKEN.fullmatch(token):
        raise ValueError(f"{name} is empty, or has characters other than visible ones of ASCII")
    return (("authorization", f"Bearer {token}"),)


def _content(name: str, path: str | os.PathLike[str] | None) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{_NAMES[name]} {os.fspath(path)} cannot be read: {_reason(error)}") from None


def _certificates(name: str, path: str | os.PathLike[str] | None) -> bytes | None:
    """What is in a file of certificates. gRPC would say that the service cannot be reached when it is none."""
    content = _content(name, path)
    if path is not None and content is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=content.decode("ascii"))
        except (ssl.SSLError, ValueError):
            raise ValueError(f"{_NAMES[name]} {os.fspath(path)} is no PEM file of certificates") from None
    return content


def _check_key(certificate: str | os.PathLike[str], key: str | os.PathLike[str]) -> None:
    try:
        # A key with a passphrase is refused: OpenSSL would ask for it on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password=lambda: b"")
    except ssl.SSLError as error:
        wanted = f"is no PEM private key, without passphrase, of the certificate in {os.fspath(certificate)}"
        reason = error.reason or type(error).__name__
        raise ValueError(f"{_NAMES['client_key']} {os.fspath(key)} {wanted} ({reason})") from None


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _switch(variable: str) -> bool:
    text = os.environ.get(variable, "").lower()
    if text not in _ON + _OFF:
        raise ValueError(f"{variable}: {text!r} is neither true nor false")
    return text in _ON
