"""What ends an execution early: cancellation, timeouts, clients that go away."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from flyteidl.core import errors_pb2

from calls import request
from conftest import open_calls
from faults import Barrier, StartService, running
from flytewarm_api.v1 import execution_pb2, settings_pb2, task_executor_pb2

State = execution_pb2.ExecutionState


@pytest.mark.parametrize("task", ["wait_on", "stubborn"])
def test_cancellation(own_service: StartService, barrier: Barrier, task: str) -> None:
    service = own_service("--cancel-grace", "0.2")
    made = request(f"probes.{task}", fifo=barrier.path)
    made.execution_id = "to-cancel"
    with open_calls(service) as calls, running(calls, made) as results:
        barrier.wait_until_reached()
        cancel = task_executor_pb2.CancelExecutionRequest(execution_id="to-cancel", reason="no longer needed")
        assert calls.executor.CancelExecution(cancel).state == State.EXECUTION_STATE_RUNNING
        outcome = results.get(timeout=10)
        assert outcome.state == State.EXECUTION_STATE_CANCELLED
        assert "no longer needed" in outcome.error.error.message
        barrier.forget()
        assert calls.run("basic.add", a=1, b=2) == 3
        assert calls.executor.CancelExecution(cancel).state == State.EXECUTION_STATE_CANCELLED


def test_a_waiting_execution_can_be_cancelled(own_service: StartService, barrier: Barrier) -> None:
    service = own_service()
    waiting = request("basic.add", a=1, b=2)
    waiting.execution_id = "waiting"
    with open_calls(service) as calls, running(calls, request("probes.wait_on", fifo=barrier.path)) as results:
        barrier.wait_until_reached()
        stream = calls.executor.ExecuteTask(waiting)
        assert next(stream).events[0].queued.position == 0
        calls.executor.CancelExecution(task_executor_pb2.CancelExecutionRequest(execution_id="waiting"))
        (last,) = [event for message in stream for event in message.events]
        assert last.outcome.state == State.EXECUTION_STATE_CANCELLED
        assert last.outcome.receipt.worker == ""
        barrier.release()
        assert results.get(timeout=10).HasField("outputs")


def test_a_timeout(own_service: StartService, barrier: Barrier) -> None:
    service = own_service("--cancel-grace", "0.2")
    made = request("probes.stubborn", fifo=barrier.path)
    made.policy.timeout.FromMilliseconds(1500)
    with open_calls(service) as calls, running(calls, made) as results:
        barrier.wait_until_reached()
        outcome = results.get(timeout=20)
        assert outcome.state == State.EXECUTION_STATE_TIMED_OUT
        assert "1.5 s" in outcome.error.error.message
        barrier.forget()
        assert calls.run("basic.add", a=1, b=2) == 3


@pytest.mark.parametrize("name", ["stubborn", "spins_in_c", "waits_in_a_thread"])
def test_a_timeout_tells_where_the_threads_were(
    own_service: StartService, barrier: Barrier, tmp_path: Path, name: str
) -> None:
    service = own_service("--cancel-grace", "0.2")
    made = request(f"probes.{name}", fifo=barrier.path)
    # Time enough to reach the barrier also on a busy machine.
    made.policy.timeout.FromMilliseconds(4000)
    made.settings.output_prefix = str(tmp_path / "out")
    with open_calls(service) as calls, running(calls, made) as results:
        barrier.wait_until_reached()
        error = results.get(timeout=20).error.error
        barrier.forget()
        assert "its threads were here" in error.message
        assert re.search(rf'probes.py", line \d+ in {name}', error.message)
        document = errors_pb2.ErrorDocument.FromString((tmp_path / "out" / "error.pb").read_bytes())
        assert document.error.message == error.message
        if name == "waits_in_a_thread":
            assert re.search(r'probes.py", line \d+ in _wait_in_a_thread', error.message)


def test_a_cancellation_tells_no_stacks(own_service: StartService, barrier: Barrier) -> None:
    made = request("probes.wait_on", fifo=barrier.path)
    made.execution_id = "cancelled"
    with open_calls(own_service()) as calls, running(calls, made) as results:
        barrier.wait_until_reached()
        calls.executor.CancelExecution(task_executor_pb2.CancelExecutionRequest(execution_id="cancelled"))
        assert "threads" not in results.get(timeout=20).error.error.message
        barrier.forget()


@pytest.mark.parametrize("policy", ["CANCEL", "CONTINUE"])
def test_a_clients_disconnect(own_service: StartService, barrier: Barrier, tmp_path: Path, policy: str) -> None:
    service = own_service()
    made = request("probes.wait_on", fifo=barrier.path)
    made.execution_id = "left-alone"
    made.settings.output_prefix = str(tmp_path / "out")
    made.policy.on_disconnect = settings_pb2.OnDisconnect.Value(f"ON_DISCONNECT_{policy}")
    with open_calls(service) as calls:
        stream = calls.executor.ExecuteTask(made)
        barrier.wait_until_reached()
        stream.cancel()
        if policy == "CONTINUE":
            barrier.release("done alone")
            assert json.loads(calls.outcome(made).outputs.json)["o0"] == "done alone"
            assert (tmp_path / "out" / "outputs.pb").exists()
        else:
            assert calls.outcome(made).state == State.EXECUTION_STATE_CANCELLED
            assert (tmp_path / "out" / "error.pb").exists()
            barrier.forget()
