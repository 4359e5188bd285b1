"""Certificates as gRPC takes them."""

from __future__ import annotations

import grpc

from flytewarm_server.security.certificates import CertificateFiles, Certificates


def server_credentials(files: CertificateFiles) -> grpc.ServerCredentials:
    """Credentials for one address, which follow the rotation of their files: gRPC asks before each handshake."""
    used = files.current

    def rotated() -> grpc.ServerCertificateConfiguration | None:
        nonlocal used
        if (current := files.refresh()) is used:
            return None
        used = current
        return _configuration(current)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(used),
        rotated,  # type: ignore[arg-type]  # None, which the stubs do not know, is for no change
        require_client_authentication=used.client_ca is not None,
    )


def _configuration(certificates: Certificates) -> grpc.ServerCertificateConfiguration:
    pair = (certificates.key, certificates.chain)
    return grpc.ssl_server_certificate_configuration([pair], root_certificates=certificates.client_ca)
