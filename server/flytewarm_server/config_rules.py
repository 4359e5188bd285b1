"""The rules that options obey together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flytewarm_server.addresses import Address, TcpAddress
from flytewarm_server.options import ConfigError
from flytewarm_server.security.files import UnusableFileError

if TYPE_CHECKING:
    from flytewarm_server.config import ServerConfig


def check_addresses(config: ServerConfig) -> None:
    """Each address once, and none that strangers reach without TLS and authentication. Raises ConfigError."""
    if not config.listen:
        raise ConfigError("listen", "", "at least one address")
    for position, address in enumerate(config.listen):
        if address in config.listen[:position]:
            raise ConfigError("listen", str(address), "each address only once")
    if config.http is not None and config.http.port != 0 and config.http in config.listen:
        raise ConfigError("http", str(config.http), "an address that the gRPC service does not listen on")
    if config.insecure or not (missing := _missing(config)):
        return
    named: list[tuple[str, Address | None]] = [("http", config.http)]
    named += (("listen", address) for address in config.listen)
    for name, reachable in named:
        if isinstance(reachable, TcpAddress) and not reachable.is_loopback:
            expected = f"a loopback address such as 127.0.0.1 without {missing}; --insecure allows others"
            raise ConfigError(name, str(reachable), expected)


def check_security(config: ServerConfig) -> None:
    """Certificates and tokens that can be used. Raises ConfigError."""
    certificate, key = config.tls_cert, config.tls_key
    for name, given, needed in (
        ("tls_cert", certificate, "tls_key"),
        ("tls_key", key, "tls_cert"),
        ("tls_client_ca", config.tls_client_ca, "tls_cert"),
    ):
        if given is not None and getattr(config, needed) is None:
            raise ConfigError(name, str(given), f"--{needed.replace('_', '-')} beside it", "stands alone")
    try:
        if certificate is not None and key is not None:
            # Here and not above: few configurations need TLS.
            from flytewarm_server.security.certificates import CertificateFiles

            CertificateFiles(certificate, key, config.tls_client_ca)
        if config.token_file is not None:
            from flytewarm_server.security.tokens import TokenFile

            TokenFile(config.token_file)
    except UnusableFileError as error:
        raise ConfigError(error.option, str(error.path), error.expected) from None


def _missing(config: ServerConfig) -> str:
    """What an address that others reach lacks."""
    lacks = []
    if config.tls_cert is None:
        lacks.append("TLS (--tls-cert, --tls-key)")
    if config.token_file is None and config.tls_client_ca is None:
        lacks.append("authentication (--token-file or --tls-client-ca)")
    return " and ".join(lacks)
