"""`flytewarm run` while all workers have work, and while the service stops."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc

from calls import Calls, request
from conftest import open_calls
from faults import Barrier, StartService, environment, running, wait_for
from flytewarm_api.v1 import execution_pb2, task_executor_pb2, worker_pool_pb2
from showcase.service import Service

COMMAND = str(Path(sys.executable).with_name("flytewarm"))
DEADLINE_S = 60


@contextmanager
def run(service: Service, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A `flytewarm run` that goes on meanwhile."""
    variables = {**os.environ, "FLYTEWARM_TARGET": service.target}
    command = [COMMAND, "run", *arguments]
    with subprocess.Popen(command, env=variables, text=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def state(calls: Calls, name: str) -> execution_pb2.ExecutionState:
    """That of an execution; UNSPECIFIED for one that is not known."""
    listed = calls.executor.ListExecutions(task_executor_pb2.ListExecutionsRequest()).executions
    states = {one.execution_id: one.state for one in listed}
    return states.get(name, execution_pb2.EXECUTION_STATE_UNSPECIFIED)


def test_what_waits_is_listed_can_be_cancelled_and_times_out(own_service: StartService, barrier: Barrier) -> None:
    service = own_service()
    add = ("basic.add", "--a", "1", "--b", "2")
    with open_calls(service) as calls, running(calls, request("probes.wait_on", fifo=barrier.path)):
        barrier.wait_until_reached()
        with run(service, "--execution-id", "waits", *add) as waits:
            wait_for(lambda: state(calls, "waits") == execution_pb2.EXECUTION_STATE_QUEUED)
            calls.executor.CancelExecution(task_executor_pb2.CancelExecutionRequest(execution_id="waits"))
            _, told = waits.communicate(timeout=DEADLINE_S)
            assert (waits.returncode, told.partition(":")[2].split()[0]) == (1, "Cancelled:")
        with run(service, "--execution-id", "late", "--timeout", "0.5", *add) as late:
            _, told = late.communicate(timeout=DEADLINE_S)
            assert (late.returncode, told.partition(":")[2].split()[0]) == (1, "Timeout:")
        assert state(calls, "late") == execution_pb2.EXECUTION_STATE_TIMED_OUT
        # The worker that told what the task takes goes again.
        wait_for(lambda: len(environment(calls).workers) == 1)
        barrier.release()


def test_where_a_description_has_to_wait_the_stop_and_the_timeout_are_told(
    own_service: StartService, barrier: Barrier
) -> None:
    service = own_service("--start-method", "exec")
    with open_calls(service) as calls, running(calls, request("probes.wait_on", fifo=barrier.path)):
        barrier.wait_until_reached()
        with run(service, "--timeout", "0.5", "basic.add") as late:
            _, told = late.communicate(timeout=DEADLINE_S)
            assert (late.returncode, "within 0.5 s (--timeout)" in told) == (1, True)
        with run(service, "basic.add") as waits:
            wait_for(lambda: environment(calls).queued == 1)
            calls.pool.Drain(worker_pool_pb2.DrainRequest())
            _, told = waits.communicate(timeout=DEADLINE_S)
            assert (waits.returncode, "UNAVAILABLE: the service is stopping" in told) == (3, True)
        barrier.release()


def test_drain(own_service: StartService, barrier: Barrier) -> None:
    service = own_service()
    with open_calls(service) as calls, running(calls, request("probes.wait_on", fifo=barrier.path)) as waits:
        barrier.wait_until_reached()
        command = [COMMAND, "drain", "--target", service.target, "--grace", "60"]
        told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=DEADLINE_S).stdout
        assert told == f"{service.target} stops; executions that wait or run: 1\n"
        barrier.release()
        outcome = waits.get(timeout=DEADLINE_S)
        assert not isinstance(outcome, grpc.RpcError), outcome
        assert outcome.HasField("outputs")
