"""TLS, certificates of clients and their rotation, with a real service and certificates made here."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import trustme

from calls import Calls, request
from conftest import TASKS
from flytewarm import AsyncExecutor, Credentials, Executor, Unavailable
from flytewarm_api.v1 import worker_pool_pb2
from security_files import SecurityFiles
from showcase.service import Service, free_port


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> SecurityFiles:
    """The service's files."""
    return SecurityFiles(tmp_path_factory.mktemp("security"))


@pytest.fixture(scope="module")
def http_port() -> int:
    """Of the side door, on all interfaces."""
    return free_port()


@pytest.fixture(scope="module")
def service(files: SecurityFiles, http_port: int) -> Iterator[Service]:
    """A service that wants certificates of its clients on TCP."""
    options = (*files.mutual_tls, "--http", f"0.0.0.0:{http_port}")
    with Service(TASKS, workers=1, with_tcp=True, options=options) as running:
        yield running
        assert running.stop().problems == []


def _credentials(ca: trustme.CA, client: trustme.LeafCert | None) -> grpc.ChannelCredentials:
    if client is None:
        return grpc.ssl_channel_credentials(ca.cert_pem.bytes())
    chain = b"".join(one.bytes() for one in client.cert_chain_pems)
    return grpc.ssl_channel_credentials(ca.cert_pem.bytes(), client.private_key_pem.bytes(), chain)


def _sum(service: Service, ca: trustme.CA, client: trustme.LeafCert | None) -> int:
    with Calls(grpc.secure_channel(service.tcp_target, _credentials(ca, client))) as calls:
        return int(calls.run("basic.add", a=40, b=2))


def _is_refused(service: Service, ca: trustme.CA, client: trustme.LeafCert | None) -> bool:
    """Whether no connection comes about."""
    with Calls(grpc.secure_channel(service.tcp_target, _credentials(ca, client))) as calls:
        with pytest.raises(grpc.RpcError) as caught:
            calls.pool.GetCapabilities(worker_pool_pb2.GetCapabilitiesRequest(), timeout=20)
        return bool(caught.value.code() == grpc.StatusCode.UNAVAILABLE)


@pytest.fixture(scope="module")
def client(files: SecurityFiles) -> trustme.LeafCert:
    """The certificate of a client."""
    return files.client_ca.issue_cert("client.test")


def test_clients_with_a_certificate_are_served(
    service: Service, files: SecurityFiles, client: trustme.LeafCert
) -> None:
    assert _sum(service, files.server_ca, client) == 42


def test_the_client_shows_its_certificate(
    service: Service, files: SecurityFiles, client: trustme.LeafCert, tmp_path: Path
) -> None:
    certificate, key = tmp_path / "client.pem", tmp_path / "client.key"
    certificate.write_bytes(client.cert_chain_pems[0].bytes())
    key.write_bytes(client.private_key_pem.bytes())
    authority = files.server_certificate_authority
    with Executor(
        service.tcp_target, credentials=Credentials(ca_cert=authority, client_cert=certificate, client_key=key)
    ) as executor:
        assert executor.run("basic.add", a=40, b=2) == 42
    without = Credentials(ca_cert=authority)
    with Executor(service.tcp_target, credentials=without) as executor, pytest.raises(Unavailable) as caught:
        executor.run("basic.add", a=40, b=2)
    assert f"no connection to {service.tcp_target} came about: does the service speak TLS, is" in str(caught.value)


async def test_a_client_without_tls_is_told_what_may_be_the_matter(service: Service) -> None:
    with Executor(service.tcp_target) as executor, pytest.raises(Unavailable, match="does the service speak TLS"):
        executor.capabilities()
    async with AsyncExecutor(service.tcp_target) as waiting:
        with pytest.raises(Unavailable, match="does the service speak TLS"):
            await waiting.capabilities()


def test_others_are_not(service: Service, files: SecurityFiles) -> None:
    assert _is_refused(service, files.server_ca, None)
    assert _is_refused(service, files.server_ca, trustme.CA().issue_cert("client.test"))
    with Calls(grpc.insecure_channel(service.tcp_target)) as calls, pytest.raises(grpc.RpcError) as caught:
        calls.messages(request("basic.add", a=1, b=2))
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


def test_clients_do_not_trust_another_authority(service: Service, client: trustme.LeafCert) -> None:
    assert _is_refused(service, trustme.CA(), client)


def test_the_unix_socket_has_no_tls(service: Service) -> None:
    with Calls(grpc.insecure_channel(service.target)) as calls:
        assert calls.run("basic.add", a=1, b=2) == 3


def test_rotated_certificates_are_used_and_unusable_ones_are_not(
    service: Service, files: SecurityFiles, client: trustme.LeafCert
) -> None:
    old, new = files.server_ca, trustme.CA()
    files.issue(new)
    assert _sum(service, new, client) == 42
    assert _is_refused(service, old, client)
    good = files.key.read_bytes()
    files.key.write_bytes(b"-----BEGIN PRIVATE KEY-----\nhalf a k")
    assert _sum(service, new, client) == 42
    assert "certificate not reloaded" in service.log
    assert str(files.key) in service.log
    # The other way round: whom the service trusts.
    files.key.write_bytes(good)
    clients = trustme.CA()
    files.authority.write_bytes(clients.cert_pem.bytes())
    assert _sum(service, new, clients.issue_cert("client.test")) == 42
    assert _is_refused(service, new, client)
    files.authority.write_bytes(files.client_ca.cert_pem.bytes())
    files.issue(old)
    assert _sum(service, old, client) == 42


def _get(port: int, path: str, context: ssl.SSLContext) -> int:
    try:
        with urllib.request.urlopen(f"https://127.0.0.1:{port}{path}", context=context, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _context(ca: trustme.CA, client: trustme.LeafCert | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if client is not None:
        client.configure_cert(context)
    return context


def test_the_side_door_on_other_addresses_has_tls_too(
    service: Service, files: SecurityFiles, client: trustme.LeafCert, http_port: int
) -> None:
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        _get(http_port, "/healthz", _context(trustme.CA()))
    nobody, somebody = _context(files.server_ca), _context(files.server_ca, client)
    assert _get(http_port, "/healthz", nobody) == _get(http_port, "/readyz", nobody) == 200
    assert _get(http_port, "/metrics", nobody) == 401
    assert _get(http_port, "/metrics", somebody) == 200
    new = trustme.CA()
    files.issue(new)
    assert _get(http_port, "/metrics", _context(new, client)) == 200
    clients = trustme.CA()
    files.authority.write_bytes(clients.cert_pem.bytes())
    assert _get(http_port, "/metrics", _context(new, clients.issue_cert("client.test"))) == 200
    with pytest.raises(OSError, match=r"alert|EOF|reset|closed"):
        _get(http_port, "/metrics", _context(new, client))
    files.authority.write_bytes(files.client_ca.cert_pem.bytes())
    files.issue(files.server_ca)
