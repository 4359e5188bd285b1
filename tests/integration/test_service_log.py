"""What the service logs: of its own life by default, of executions on request."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import grpc
import pytest

from calls import request
from conftest import open_calls
from faults import StartService
from showcase.service import Service, free_port

LIFE = ["listening", "environment ready", "stopping", "stopped"]


def _lines(service: Service) -> list[dict[str, Any]]:
    return [json.loads(line) for line in service.log.splitlines()]


@pytest.mark.parametrize("level", ["info", "debug"])
def test_each_step_is_a_line(own_service: StartService, level: str) -> None:
    service = own_service("--log-level", level)
    made = request("basic.add", a=1, b=2)
    made.execution_id = "one"
    with open_calls(service) as calls:
        calls.outcome(made)
    assert service.stop().problems == []
    lines = _lines(service)
    execution = [line for line in lines if line.get("execution") == "one"]
    assert [line["event"] for line in lines if line not in execution] == LIFE
    if level == "info":
        assert execution == []
    else:
        accepted, ended = execution
        assert (accepted["event"], accepted["task"]) == ("execution accepted", "basic.add")
        assert (ended["event"], ended["state"]) == ("execution ended", "SUCCEEDED")
        assert ended["worker"]


def test_an_execution_that_the_service_ends_is_a_line(own_service: StartService) -> None:
    service = own_service("--cancel-grace", "0")
    made = request("intruders.sleeps_for_ever")
    made.execution_id = "one"
    made.policy.timeout.FromMilliseconds(200)
    with open_calls(service) as calls:
        calls.outcome(made)
    (line,) = [line for line in _lines(service) if line.get("execution") == "one"]
    assert (line["event"], line["level"], line["code"]) == ("execution ended by the service", "info", "USER:Timeout")
    assert "its timeout of 0.2 s" in line["reason"]


def test_refused_calls_are_counted_and_a_line(own_service: StartService) -> None:
    http = f"127.0.0.1:{free_port()}"
    service = own_service("--http", http)
    with open_calls(service) as calls:
        for _ in range(2):
            with pytest.raises(grpc.RpcError):
                calls.outcome(request(""))
    (line,) = [line for line in _lines(service) if line["event"] == "call refused"]
    assert (line["level"], line["code"], line["method"]) == ("info", "INVALID_ARGUMENT", "ExecuteTask")
    with urllib.request.urlopen(f"http://{http}/metrics", timeout=20) as answer:
        assert 'flytewarm_refused_calls_total{code="INVALID_ARGUMENT",reason=""} 2.0' in answer.read().decode()
