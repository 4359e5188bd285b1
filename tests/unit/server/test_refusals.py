"""What becomes of calls that end with a status: a count of each, a line of the first in a while."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from flytewarm_server.rpc import status
from flytewarm_server.rpc.refusals import Refusals
from flytewarm_server.rpc.status import CallError, Violation
from flytewarm_server.telemetry.metrics import Metrics

EVERY = [
    status.invalid([Violation("inputs_json", "is no JSON: secret")]),
    status.permission_denied([Violation("task.name", "secret is not allowed")], "--allow-module"),
    status.unauthenticated(),
    status.not_found("no secret"),
    status.out_of_range("x"),
    status.already_exists("x"),
    status.unimplemented("x"),
    status.queue_full("x", "--max-queue", 1.0),
    status.unavailable("x", 1.0),
    status.deadline_exceeded("x"),
    *(status.failed_precondition("x", one) for one in ("ENVIRONMENT_BROKEN", "NESTING_TOO_DEEP", "DISTRIBUTION")),
    CallError(grpc.StatusCode.INTERNAL, "x"),
]


def _context(peer: str = "ipv4:10.0.0.1:1234") -> Any:
    return SimpleNamespace(peer=lambda: peer)


@pytest.mark.parametrize("error", EVERY, ids=lambda error: error.code.name)
def test_each_status_is_counted_by_itself(error: CallError) -> None:
    metrics = Metrics()
    Refusals(metrics.call_refused).note("ExecuteTask", error, _context())
    labels = {"code": error.code.name, "reason": error.reason}
    assert metrics.registry.get_sample_value("flytewarm_refused_calls_total", labels) == 1


def test_what_is_logged() -> None:
    refusals = Refusals(lambda _code, _reason: None)
    with capture_logs() as lines:
        for error in EVERY:
            refusals.note("ExecuteTask", error, _context())
    assert "secret" not in str(lines)
    assert len(lines) == len(EVERY) - 1
    first = {"code": "INVALID_ARGUMENT", "fields": "inputs_json", "method": "ExecuteTask", "peer": "ipv4:10.0.0.1"}
    assert lines[0] == {"event": "call refused", "log_level": "info", **first, "unsaid": 0}
    assert (lines[1]["fields"], lines[1]["option"]) == ("task.name", "--allow-module")
    assert (lines[7]["reason"], lines[7]["option"]) == ("QUEUE_FULL", "--max-queue")


def test_each_kind_of_each_peer_is_a_line_in_a_while() -> None:
    now = 0.0
    refusals = Refusals(lambda _code, _reason: None, lambda: now)
    with capture_logs() as lines:
        for port in range(5):
            refusals.note("ExecuteTask", EVERY[0], _context(f"ipv4:10.0.0.1:{port}"))
            refusals.note("ExecuteTask", EVERY[0], _context(f"ipv6:%5B::1%5D:{port}"))
            refusals.note("DescribeTask", EVERY[0], _context("unix:"))
        assert [(line["method"], line["peer"]) for line in lines] == [
            ("ExecuteTask", "ipv4:10.0.0.1"),
            ("ExecuteTask", "ipv6:%5B::1%5D"),
            ("DescribeTask", "unix"),
        ]
        now = 60.0
        refusals.note("DescribeTask", EVERY[0], _context("unix:"))
        assert (len(lines), lines[-1]["unsaid"]) == (4, 4)


def test_many_peers_are_no_flood() -> None:
    refusals = Refusals(lambda _code, _reason: None, lambda: 0.0)
    with capture_logs() as lines:
        for number in range(500):
            refusals.note("ExecuteTask", EVERY[0], _context(f"ipv4:10.0.{number // 256}.{number % 256}:1"))
    assert len(lines) == 100
