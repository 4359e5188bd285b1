"""Statistics of a task: what arrives at a statsd server, cold and warm; as events; in the service's metrics."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from calls import Calls, request
from conftest import TASKS, open_calls
from flytewarm_api.v1 import execution_pb2, settings_pb2, task_executor_pb2
from showcase.service import Service, free_port

_IDENTIFIERS = {
    "FLYTE_INTERNAL_EXECUTION_PROJECT": "Project",
    "FLYTE_INTERNAL_EXECUTION_DOMAIN": "domain",
    "FLYTE_INTERNAL_EXECUTION_WORKFLOW": "a.workflow",
    "FLYTE_INTERNAL_TASK_PROJECT": "Task-Project",
    "FLYTE_INTERNAL_TASK_DOMAIN": "td",
    "FLYTE_INTERNAL_TASK_NAME": "Module.Task",
}


@pytest.fixture
def calls(own_service: Callable[..., Service]) -> Iterator[Calls]:
    """Of a service of its own: a worker keeps the sockets to statsd servers, and here each test has another."""
    with open_calls(own_service()) as opened:
        yield opened


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A UDP socket on loopback in place of a statsd server."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.setblocking(False)
        yield opened


def _received(listener: socket.socket) -> list[str]:
    """All datagrams until now: on loopback they are there when the sender's call has returned."""
    found = []
    while True:
        try:
            # How long a block took differs.
            found.append(re.sub(r"(block\S*:)[\d.]+\|ms", r"\1*|ms", listener.recv(65536).decode()))
        except BlockingIOError:
            return found


# flytekit reads the address from its section "secrets".
def _address(listener: socket.socket) -> dict[str, str]:
    host, port = listener.getsockname()
    return {"FLYTE_SECRETS_HOST": host, "FLYTE_SECRETS_PORT": str(port)}


def _command(directory: Path) -> list[str]:
    (directory / "inputs.pb").write_bytes(b"")
    command = ["pyflyte-execute", "--inputs", f"{directory}/inputs.pb", "--output-prefix", f"{directory}/out"]
    command += ["--raw-output-data-prefix", f"{directory}/raw", "--resolver"]
    command += ["flytekit.core.python_auto_container.default_task_resolver", "--"]
    return [*command, "task-module", "statistics_tasks", "task-name", "sends"]


@pytest.mark.parametrize(
    "settings", [{}, {"FLYTE_SECRETS_DISABLE_TAGS": "true"}, {"FLYTE_SECRETS_DISABLED": "true"}], ids=str
)
def test_the_same_datagrams_as_from_a_cold_process(
    calls: Calls, listener: socket.socket, tmp_path: Path, settings: dict[str, str]
) -> None:
    program, *arguments = _command(tmp_path)
    env = {**_IDENTIFIERS, **_address(listener), **settings}
    cold = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments],
        cwd=TASKS,
        env={**os.environ, **env, "TMPDIR": str(tmp_path)},
        check=True,
        capture_output=True,
    )
    sent_cold = _received(listener)
    assert bool(sent_cold) == ("FLYTE_SECRETS_DISABLED" not in settings), cold.stderr
    for _ in range(2):
        made = task_executor_pb2.ExecuteTaskRequest(command={"args": [program, *arguments]}, settings={"env": env})
        assert calls.outcome(made).HasField("outputs")
        assert _received(listener) == sent_cold


def test_a_requests_own_address_wins(calls: Calls, listener: socket.socket) -> None:
    made = request("statistics_tasks.sends")
    made.settings.env["FLYTE_SECRETS_DISABLED"] = "true"
    host, port = listener.getsockname()
    made.settings.stats.CopyFrom(settings_pb2.StatsSettings(host=host, port=port, disabled_tags=True))
    assert calls.outcome(made).HasField("outputs")
    lines = _received(listener)
    assert any(line.endswith("count:3|c") for line in lines)
    # Neither the execution's tags nor those that the task gave.
    assert not any(".__" in line for line in lines)


def test_metrics_are_events_and_counted_by_kind(own_service: Callable[..., Service]) -> None:
    port = free_port()
    with open_calls(own_service("--http", f"127.0.0.1:{port}")) as calls:
        metrics = [
            event.metric for event in calls.events(request("statistics_tasks.sends")) if event.HasField("metric")
        ]
    kinds = [metric.kind for metric in metrics]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        told = answer.read().decode()
    for kind in ("counter", "gauge", "timing"):
        count = kinds.count(execution_pb2.MetricKind.Value(f"METRIC_KIND_{kind.upper()}"))
        assert count > 0
        assert f'flytewarm_task_metrics_total{{kind="{kind}"}} {count}.0' in told
    assert "together" not in told
