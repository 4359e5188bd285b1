"""A real service for the tests of this folder, and a watch on what each test leaves behind in it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from calls import Calls
from faults import Barrier, environment, wait_for
from flytewarm import Executor
from flytewarm_api.v1.worker_pool_pb2 import WORKER_STATE_IDLE
from showcase.service import Service

TASKS = Path(__file__).parent / "tasks"
_SETTLE_SECONDS = 10.0


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """A service with two workers. It must end with status 0 and leave nothing behind."""
    with Service(TASKS, options=("--max-message-bytes", str(1 << 20), "--cancel-grace", "1")) as running:
        # It serves before its workers have started, and these would count as what the first test has left.
        with open_calls(running) as calls:
            wait_for(lambda: [one.state for one in environment(calls).workers] == [WORKER_STATE_IDLE] * 2)
        yield running
        assert running.stop().problems == [], running.log


@pytest.fixture(scope="session")
def calls(service: Service) -> Iterator[Calls]:
    """Raw stubs of the shared service."""
    with open_calls(service) as opened:
        yield opened


@pytest.fixture
def executor(service: Service) -> Iterator[Executor]:
    """A client of the service, whose calls have 60 seconds."""
    with Executor(service.target, timeout=60) as made:
        yield made


@pytest.fixture
def own_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Makes services that a test may break; they are ended, and must leave nothing behind, when the test ends."""
    started: list[Service] = []

    def start(*options: str, workers: int = 1, preload: str = "", app_dir: Path = TASKS) -> Service:
        started.append(Service(app_dir, preload=preload, workers=workers, options=options).__enter__())
        return started[-1]

    try:
        yield start
    finally:
        left = []
        for one in started:
            stopped = one.stop()
            left += [*stopped.left_files, *stopped.left_processes]
            one.__exit__(None, None, None)
    assert left == []


@pytest.fixture
def barrier(tmp_path: Path) -> Barrier:
    """A FIFO for one task to wait on."""
    return Barrier(tmp_path / "barrier")


@pytest.fixture(autouse=True)
def _nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test after which the shared service has more descriptors, processes or sandboxes than before."""
    if "service" not in request.fixturenames:
        yield
        return
    service: Service = request.getfixturevalue("service")
    before = _settled(service)
    yield
    deadline = time.monotonic() + _SETTLE_SECONDS
    # Fewer are no fault: on a busy machine what was counted first may have been on its way out.
    while (more := _more(_traces(service), before)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert more == {}, before


def _more(now: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    return {name: number for name, number in now.items() if number > before[name]}


def open_calls(service: Service) -> Calls:
    """Raw stubs of a service; a context manager."""
    return Calls(grpc.insecure_channel(service.target, options=[("grpc.max_receive_message_length", -1)]))


def _settled(service: Service) -> dict[str, int]:
    """The traces when two looks in a row see the same: the test before may still be cleaned up after."""
    traces = _traces(service)
    deadline = time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < deadline:
        time.sleep(0.02)
        if (again := _traces(service)) == traces:
            break
        traces = again
    return traces


def _traces(service: Service) -> dict[str, int]:
    return {
        "descriptors": len(os.listdir(f"/proc/{service.pid}/fd")) - _connections(service.pid),
        "processes": len(service.processes),
        "sandboxes": _sandboxes(service),
    }


def _sandboxes(service: Service) -> int:
    while True:
        # A directory that is being deleted may be gone once it is looked into.
        with contextlib.suppress(FileNotFoundError):
            return len(list(service.scratch.glob("flytewarm-*/environments/*/workers/*/*")))


def _connections(pid: int) -> int:
    """Clients' connections come and go with their channels, at gRPC's own pace."""
    sockets = {line.split()[6] for line in Path(f"/proc/{pid}/net/unix").read_text().splitlines() if "s.sock" in line}
    return sum(
        _link(pid, fd).removeprefix("socket:[").removesuffix("]") in sockets for fd in os.listdir(f"/proc/{pid}/fd")
    )


def _link(pid: int, fd: str) -> str:
    """What a descriptor leads to; empty when it was closed meanwhile."""
    try:
        return os.readlink(f"/proc/{pid}/fd/{fd}")
    except FileNotFoundError:
        return ""
