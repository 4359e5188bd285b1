"""After many executions the service holds no more than after the first ones."""

from __future__ import annotations

import threading
from pathlib import Path

import grpc
import pytest
from soak import Held

from calls import Calls, request
from showcase.service import Service

TASKS = Path(__file__).parent.parent / "integration" / "tasks"
_CLIENTS = 2
# What the tests of --full allow; a short run ends before the allocator has settled.
_MOST_GROWTH, _MOST_GROWTH_OF_SHORT = 0.05, 0.25


def test_memory_and_descriptors_stay(full: bool, capsys: pytest.CaptureFixture[str]) -> None:
    warm_up, executions = (5_000, 50_000) if full else (400, 800)
    # The remembered executions must have reached their number before the first look.
    with Service(TASKS, workers=2, preload="basic", options=("--retain-executions", "200")) as service:
        _run(service, warm_up)
        before = Held.by(service)
        _run(service, executions - warm_up)
        after = Held.by(service)
        growth = after.growth_since(before)
        with capsys.disabled():
            print(f"\nafter {warm_up}: {before}\nafter {executions}: {after}")
            print("growth: " + ", ".join(f"{name} {share:+.1%}" for name, share in growth.items()))
        assert max(growth.values()) < (_MOST_GROWTH if full else _MOST_GROWTH_OF_SHORT)
        assert service.stop().problems == []


def _run(service: Service, executions: int) -> None:
    clients = [threading.Thread(target=_client, args=(service, executions // _CLIENTS)) for _ in range(_CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()


def _client(service: Service, executions: int) -> None:
    with Calls(grpc.insecure_channel(service.target)) as calls:
        for number in range(executions):
            # One of a hundred fails, one writes to its log.
            kind = number % 100
            if kind == 0:
                assert calls.outcome(request("basic.add", a="x")).HasField("error")
            elif kind == 1:
                calls.run("basic.greet", name="x" * 10_000)
            else:
                assert calls.run("basic.add", a=number, b=1) == number + 1
