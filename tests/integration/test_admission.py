"""What may wait, and what becomes of it when its time is up."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from calls import Calls, details, request
from conftest import TASKS, open_calls
from faults import Barrier, last_outcome, queued, running, wait_for
from flytewarm_api.v1 import execution_pb2, settings_pb2, task_executor_pb2, worker_pool_pb2
from showcase.service import Service

State = execution_pb2.ExecutionState


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Service, Calls]]:
    """A service with one worker, where five may wait, of which three for each environment."""
    options = ("--max-queue", "5", "--max-queue-per-environment", "3", "--cancel-grace", "0.2")
    with Service(TASKS, workers=1, options=options) as service:
        with open_calls(service) as calls:
            yield service, calls
        assert service.stop().problems == [], service.log


@pytest.fixture
def calls(shared: tuple[Service, Calls]) -> Calls:
    return shared[1]


def _named(made: task_executor_pb2.ExecuteTaskRequest, name: str) -> task_executor_pb2.ExecuteTaskRequest:
    made.execution_id = name
    return made


def _state(calls: Calls, name: str) -> task_executor_pb2.Execution:
    return calls.executor.GetExecution(task_executor_pb2.GetExecutionRequest(execution_id=name)).execution


def _refusal(calls: Calls, made: task_executor_pb2.ExecuteTaskRequest) -> tuple[str, dict[type, Any]]:
    with pytest.raises(grpc.RpcError) as caught:
        calls.events(made)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    return caught.value.details(), {type(one): one for one in details(caught.value)}


def test_one_environment_leaves_room_for_others(calls: Calls, barrier: Barrier) -> None:
    add = request("basic.add", a=1, b=2)
    with running(calls, request("probes.wait_on", fifo=barrier.path)), ExitStack() as stack:
        barrier.wait_until_reached()
        streams = [stack.enter_context(queued(calls, add)) for _ in range(3)]
        told, found = _refusal(calls, add)
        assert "3 requests wait for this environment already" in told
        assert dict(found[error_details_pb2.ErrorInfo].metadata) == {"limit": "--max-queue-per-environment"}
        assert found[error_details_pb2.RetryInfo].retry_delay.ToMilliseconds() > 0
        # One of another environment is served meanwhile.
        other = request("basic.add", a=1, b=2)
        other.environment.env["LETTER"] = "other"
        assert calls.outcome(other).HasField("outputs")
        barrier.release()
        assert [last_outcome(stream).state for stream in streams] == [State.EXECUTION_STATE_SUCCEEDED] * 3


def test_descriptions_that_wait_for_an_environment_have_places(calls: Calls, barrier: Barrier) -> None:
    description = task_executor_pb2.DescribeTaskRequest(task={"name": "waits_at_import.never"})
    description.environment.preload_modules.append("waits_at_import")
    description.environment.env["IMPORT_BARRIER"] = barrier.path
    with ThreadPoolExecutor() as threads:
        asked = [threads.submit(calls.executor.DescribeTask, description, timeout=60) for _ in range(3)]
        barrier.wait_until_reached()
        with pytest.raises(grpc.RpcError) as caught:
            calls.executor.DescribeTask(description, timeout=60)
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "(--max-queue-per-environment)" in caught.value.details()
        barrier.release()
        assert [one.result().name for one in asked] == ["waits_at_import.never"] * 3
        # Their places are free again.
        assert calls.executor.DescribeTask(description, timeout=60).name == "waits_at_import.never"


def test_a_deadline_that_passes_in_the_queue(calls: Calls, barrier: Barrier) -> None:
    with running(calls, request("probes.wait_on", fifo=barrier.path)):
        barrier.wait_until_reached()
        with pytest.raises(grpc.RpcError) as caught:
            list(calls.executor.ExecuteTask(_named(request("basic.add", a=1, b=2), "late"), timeout=0.3))
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        wait_for(lambda: _state(calls, "late").state == State.EXECUTION_STATE_CANCELLED)
        late = _state(calls, "late")
        assert (late.outcome.receipt.worker, late.HasField("started_at")) == ("", False)
        barrier.release()


@pytest.mark.parametrize("policy", ["CANCEL", "CONTINUE"])
def test_a_deadline_that_passes_while_the_task_runs(calls: Calls, barrier: Barrier, policy: str) -> None:
    name = f"runs-{policy}"
    made = _named(request("probes.wait_on", fifo=barrier.path), name)
    made.policy.on_disconnect = settings_pb2.OnDisconnect.Value(f"ON_DISCONNECT_{policy}")
    stream = calls.executor.ExecuteTask(made, timeout=1.5)
    barrier.wait_until_reached()
    with pytest.raises(grpc.RpcError) as caught:
        list(stream)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    if policy == "CANCEL":
        wait_for(lambda: _state(calls, name).state == State.EXECUTION_STATE_CANCELLED)
        barrier.forget()
    else:
        assert _busy_with(calls) == name
        barrier.release()
        wait_for(lambda: _state(calls, name).state == State.EXECUTION_STATE_SUCCEEDED)


def test_a_timeout_that_passes_in_the_queue(calls: Calls, barrier: Barrier) -> None:
    made = request("basic.add", a=1, b=2)
    made.policy.timeout.FromMilliseconds(200)
    with running(calls, request("probes.wait_on", fifo=barrier.path)):
        barrier.wait_until_reached()
        outcome = calls.outcome(made)
        assert (outcome.state, outcome.receipt.worker) == (State.EXECUTION_STATE_TIMED_OUT, "")
        barrier.release()


def _busy_with(calls: Calls) -> str:
    """The execution that some worker of the default environment has."""
    default = calls.pool.ListEnvironments(worker_pool_pb2.ListEnvironmentsRequest()).environments[0]
    return next(worker.execution_id for worker in default.workers if worker.execution_id)
