"""The end of the service: finishing what runs, ending what does not, leaving nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from calls import Calls, request, violated_fields
from conftest import open_calls
from faults import (
    Barrier,
    StartService,
    busy_worker,
    environment,
    last_outcome,
    lives,
    queued,
    refuses,
    running,
    wait_for,
)
from flytewarm import Executor
from flytewarm_api.v1 import execution_pb2, worker_pool_pb2
from showcase.service import free_port

State = execution_pb2.ExecutionState
Cause = execution_pb2.ErrorCause


def test_a_killed_server_leaves_no_process(own_service: StartService, barrier: Barrier) -> None:
    service = own_service(workers=2)
    with open_calls(service) as calls, running(calls, request("probes.shell_and_wait", fifo=barrier.path)) as results:
        barrier.wait_until_reached()
        # Server, two zygotes, two workers, and the task's own process in a session of its own. A process that execs
        # has no environment to be found by for a moment.
        wait_for(lambda: len(service.processes) == 6)
        before = service.processes
        os.kill(service.pid, signal.SIGKILL)
        killed = time.monotonic()
        wait_for(lambda: not any(lives(pid) for pid in before), seconds=2)
        print(f"all {len(before)} processes gone after {time.monotonic() - killed:.3f} s")
        assert results.get(timeout=10).code() == grpc.StatusCode.UNAVAILABLE
        barrier.forget()
        wait_for(lambda: not list(service.scratch.iterdir()))


def test_sigterm_finishes_what_runs_and_what_waits(own_service: StartService, barrier: Barrier) -> None:
    port = free_port()
    service = own_service("--http", f"127.0.0.1:{port}")
    with open_calls(service) as calls, running(calls, request("probes.wait_on", fifo=barrier.path)) as results:
        barrier.wait_until_reached()
        with queued(calls, request("basic.add", a=1, b=2)) as waiting:
            os.kill(service.pid, signal.SIGTERM)
            wait_for(lambda: refuses(calls))
            _expect_draining(calls, port)
            barrier.release("finished")
            assert json.loads(results.get(timeout=60).outputs.json)["o0"] == "finished"
            assert json.loads(last_outcome(waiting).outputs.json)["o0"] == 3
    assert service.stop().problems == []
    assert service.log.count('"stopping"') == service.log.count('"stopped"') == 1


def _expect_draining(calls: Calls, http_port: int) -> None:
    status = environment(calls)
    assert status.state == worker_pool_pb2.ENVIRONMENT_STATE_DRAINING
    assert status.queued == 1
    health = health_pb2_grpc.HealthStub(calls.channel)
    serving = [health.Check(health_pb2.HealthCheckRequest(service=name)).status for name in ("", "liveness")]
    assert serving == [health_pb2.HealthCheckResponse.NOT_SERVING, health_pb2.HealthCheckResponse.SERVING]
    with pytest.raises(HTTPError) as caught, urlopen(f"http://127.0.0.1:{http_port}/readyz"):
        pass
    with caught.value as answer:
        assert (answer.code, answer.read()) == (503, b"the service is stopping\n")


def test_sigterm_preempts_what_does_not_end(own_service: StartService, barrier: Barrier, tmp_path: Path) -> None:
    service = own_service("--drain-grace", "0.2", "--cancel-grace", "0.2")
    made = request("probes.stubborn", fifo=barrier.path)
    made.settings.output_prefix = str(tmp_path / "out")
    with open_calls(service) as calls, running(calls, made) as results:
        barrier.wait_until_reached()
        os.kill(service.pid, signal.SIGTERM)
        outcome = results.get(timeout=20)
        assert outcome.error.cause == Cause.ERROR_CAUSE_PREEMPTED
        assert (tmp_path / "out" / "error.pb").exists()
        barrier.forget()
    assert service.stop().problems == []


def test_drain_finishes_what_runs_and_what_waits(own_service: StartService, barrier: Barrier) -> None:
    service = own_service("--drain-grace", "3600")
    drain = worker_pool_pb2.DrainRequest()
    with open_calls(service) as calls, running(calls, request("probes.wait_on", fifo=barrier.path)) as results:
        barrier.wait_until_reached()
        with queued(calls, request("basic.add", a=1, b=2)) as waiting:
            assert calls.pool.Drain(drain).running == 2
            wait_for(lambda: refuses(calls))
            # Unlike a second signal, it hurries nothing.
            assert calls.pool.Drain(drain).running == 2
            barrier.release("finished")
            assert json.loads(results.get(timeout=60).outputs.json)["o0"] == "finished"
            assert json.loads(last_outcome(waiting).outputs.json)["o0"] == 3
        wait_for(lambda: not lives(service.pid))
    assert service.stop().problems == []


def test_drain_preempts_after_its_own_grace(own_service: StartService, barrier: Barrier) -> None:
    service = own_service("--drain-grace", "3600", "--cancel-grace", "0.2")
    drain = worker_pool_pb2.DrainRequest()
    drain.grace.FromMilliseconds(200)
    with open_calls(service) as calls, running(calls, request("probes.stubborn", fifo=barrier.path)) as results:
        barrier.wait_until_reached()
        calls.pool.Drain(drain)
        assert results.get(timeout=20).error.cause == Cause.ERROR_CAUSE_PREEMPTED
        barrier.forget()
        wait_for(lambda: not lives(service.pid))
    assert service.stop().problems == []


@pytest.mark.parametrize("seconds", [-1, 86_401])
def test_a_grace_that_cannot_be(calls: Calls, seconds: int) -> None:
    drain = worker_pool_pb2.DrainRequest()
    drain.grace.seconds = seconds
    with pytest.raises(grpc.RpcError) as caught:
        calls.pool.Drain(drain)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert violated_fields(caught.value) == ["grace"]
    assert calls.run("basic.add", a=1, b=2) == 3


def test_a_client_drains(own_service: StartService) -> None:
    service = own_service()
    with Executor(service.target) as executor:
        assert executor.run("basic.add", a=1, b=2) == 3
        assert executor.drain(grace=1.5) == 0
        wait_for(lambda: not lives(service.pid))
    assert service.stop().problems == []


def test_a_second_signal_does_not_wait(own_service: StartService, barrier: Barrier) -> None:
    service = own_service("--drain-grace", "3600", "--cancel-grace", "0.2")
    with open_calls(service) as calls, running(calls, request("probes.wait_on", fifo=barrier.path)) as results:
        barrier.wait_until_reached()
        with queued(calls, request("basic.add", a=1, b=2)) as waiting:
            os.kill(service.pid, signal.SIGTERM)
            wait_for(lambda: refuses(calls))
            os.kill(service.pid, signal.SIGTERM)
            assert results.get(timeout=60).error.cause == Cause.ERROR_CAUSE_PREEMPTED
            assert last_outcome(waiting).error.cause == Cause.ERROR_CAUSE_PREEMPTED
        barrier.forget()
    assert service.stop().problems == []


def test_storage_that_hangs_does_not_hold_up_the_stop(own_service: StartService, barrier: Barrier) -> None:
    service = own_service("--drain-grace", "0.2", "--cancel-grace", "0.2")
    made = request("probes.wait_on", fifo=barrier.path)
    made.settings.output_prefix = "s3://bucket/out"
    with socket.create_server(("127.0.0.1", 0)) as storage, open_calls(service) as calls:
        made.settings.env["FLYTE_AWS_ENDPOINT"] = f"http://127.0.0.1:{storage.getsockname()[1]}"
        made.settings.env["FLYTE_AWS_ACCESS_KEY_ID"] = made.settings.env["FLYTE_AWS_SECRET_ACCESS_KEY"] = "none"
        with running(calls, made) as results:
            barrier.wait_until_reached()
            os.kill(busy_worker(calls).pid, signal.SIGKILL)
            # The document is being written: this connection is never answered.
            connection, _ = storage.accept()
            os.kill(service.pid, signal.SIGTERM)
            outcome = results.get(timeout=60)
            barrier.forget()
        assert (outcome.state, outcome.error.cause) == (State.EXECUTION_STATE_LOST, Cause.ERROR_CAUSE_WORKER_LOST)
        assert outcome.error.uri == ""
        assert service.stop().problems == []
        connection.close()
    assert "background task failed" not in service.log


def test_the_successors_socket_is_left_to_it(own_service: StartService) -> None:
    service = own_service()
    path = Path(service.target.removeprefix("unix:"))
    with open_calls(service) as calls, socket.socket(socket.AF_UNIX) as successor:
        # An open stream is given a moment, in which the service listens no more and has not ended.
        watch = health_pb2_grpc.HealthStub(calls.channel).Watch(health_pb2.HealthCheckRequest())
        next(watch)
        os.kill(service.pid, signal.SIGTERM)
        wait_for(lambda: not path.exists())
        successor.bind(str(path))
        assert service.stop().problems == []
        assert path.exists()
        watch.cancel()
