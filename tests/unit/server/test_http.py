"""The HTTP side door, over a real socket."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from flytewarm_server.addresses import TcpAddress
from flytewarm_server.security.tokens import TokenFile
from flytewarm_server.telemetry.http import HttpSideDoor
from flytewarm_server.telemetry.metrics import Metrics

ANY_PORT = TcpAddress("127.0.0.1", 0)


class Service:
    """Stands for the service that the door belongs to."""

    def __init__(self) -> None:
        self.reason: str | None = "starting"
        self.metrics = Metrics()
        self.door = HttpSideDoor(self.metrics.registry, lambda: self.reason)

    async def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        """Status, content type and text."""
        url = f"http://127.0.0.1:{self.door.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            return answer.status, answer.headers["Content-Type"], await answer.text()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    await service.door.start(ANY_PORT)
    try:
        yield service
    finally:
        await service.door.stop()


async def test_healthz_answers_before_the_service_is_ready(service: Service) -> None:
    assert await service.get("/healthz") == (200, "text/plain; charset=utf-8", "ok\n")


async def test_readyz_tells_the_reason(service: Service) -> None:
    assert await service.get("/readyz") == (503, "text/plain; charset=utf-8", "starting\n")
    service.reason = None
    assert await service.get("/readyz") == (200, "text/plain; charset=utf-8", "ready\n")
    service.reason = "draining"
    assert (await service.get("/readyz"))[0] == 503


async def test_metrics_as_text(service: Service) -> None:
    service.metrics.watch_queue(lambda: 4)
    status, content_type, text = await service.get("/metrics")
    assert status == 200
    assert content_type.startswith("text/plain; version=")
    assert "\nflytewarm_queue_length 4.0\n" in text


async def test_metrics_as_openmetrics(service: Service) -> None:
    _, content_type, text = await service.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")


async def test_there_is_nothing_else(service: Service) -> None:
    assert (await service.get("/"))[0] == 404


async def test_a_taken_port_is_an_error_and_leaves_the_door_closed(service: Service) -> None:
    other = Service()
    with pytest.raises(OSError, match="in use"):
        await other.door.start(TcpAddress("127.0.0.1", service.door.port))
    with pytest.raises(RuntimeError, match="closed"):
        _ = other.door.port


async def test_stop_closes_the_port_and_may_be_repeated(service: Service) -> None:
    port = service.door.port
    await service.door.stop()
    await service.door.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_stop_does_not_wait_for_idle_connections(service: Service) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", service.door.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"ok\n")
    await asyncio.wait_for(service.door.stop(), 5)
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_requests_are_not_logged(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "aiohttp.access")
    await service.get("/healthz")
    assert not [record for record in caplog.records if record.name == "aiohttp.access"]


def test_aiohttp_is_not_imported_for_a_closed_door() -> None:
    program = "import sys, flytewarm_server.telemetry.http; sys.exit('aiohttp' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


async def test_strangers_are_not_told_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.touch(mode=0o600)
    file.write_text("a-token-of-the-tests\n")
    metrics = Metrics()
    door = HttpSideDoor(metrics.registry, lambda: "preload module x: broken", tokens=TokenFile(file))
    await door.start(TcpAddress("0.0.0.0", 0))
    try:
        url = f"http://127.0.0.1:{door.port}"
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}/readyz") as answer:
                assert (answer.status, await answer.text()) == (503, "not ready\n")
            known = {"Authorization": "Bearer a-token-of-the-tests"}
            async with session.get(f"{url}/readyz", headers=known) as answer:
                assert (answer.status, await answer.text()) == (503, "preload module x: broken\n")
            async with session.get(f"{url}/metrics") as answer:
                assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    finally:
        await door.stop()
