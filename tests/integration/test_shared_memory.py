"""What workers share with the zygote that they were forked from."""

from __future__ import annotations

from typing import Any

from calls import request
from conftest import open_calls
from faults import StartService

# Collections in one task.
_COLLECTIONS = 3


def _after_collections(start: StartService, *options: str) -> dict[str, Any]:
    """What a task finds in a worker in which garbage was collected."""
    with open_calls(start(*options, preload="probes")) as calls:
        outcome = calls.outcome(request("probes.collects", times=_COLLECTIONS))
        assert outcome.receipt.worker_executions == 1
        found: dict[str, Any] = calls.run("probes.collects", times=_COLLECTIONS)
    return found


def test_collections_leave_alone_what_was_imported_and_so_it_stays_shared(own_service: StartService) -> None:
    """A worker that is exec'd has imported the same, and shares nothing."""
    forked = _after_collections(own_service)
    execd = _after_collections(own_service, "--start-method", "exec")
    for found in (forked, execd):
        assert found["frozen"] > 20 * found["tracked"]
    assert 3 * forked["private"] < execd["private"]
