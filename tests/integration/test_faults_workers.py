"""Workers that are killed, that hang, that send what they must not."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from flyteidl.core import errors_pb2

from calls import request
from conftest import TASKS, open_calls
from faults import (
    Barrier,
    StartService,
    busy_worker,
    environment,
    idle_worker,
    is_ready,
    last_outcome,
    lives,
    queued,
    running,
    wait_for,
)
from flytewarm_api.v1 import execution_pb2, task_executor_pb2
from flytewarm_api.worker.framing import encode_frame
from flytewarm_api.worker.v1 import frames_pb2
from showcase.service import Service

State = execution_pb2.ExecutionState
Cause = execution_pb2.ErrorCause


def test_a_killed_worker_is_an_outcome_and_the_next_execution_is_served(
    own_service: StartService, barrier: Barrier, tmp_path: Path
) -> None:
    service = own_service()
    made = request("probes.wait_on", fifo=barrier.path)
    made.settings.output_prefix = str(tmp_path / "out")
    with open_calls(service) as calls, running(calls, made) as results:
        barrier.wait_until_reached()
        os.kill(busy_worker(calls).pid, signal.SIGKILL)
        outcome = results.get(timeout=10)
        assert outcome.state == State.EXECUTION_STATE_LOST
        assert outcome.error.cause == Cause.ERROR_CAUSE_WORKER_LOST
        assert "SIGKILL" in outcome.error.error.message
        written = errors_pb2.ErrorDocument.FromString((tmp_path / "out" / "error.pb").read_bytes())
        assert written.error == outcome.error.error
        assert calls.run("basic.add", a=1, b=2) == 3
        barrier.forget()


def test_a_stopped_zygote_does_not_keep_executions_running(own_service: StartService, barrier: Barrier) -> None:
    service = own_service("--cancel-grace", "0.1")
    with open_calls(service) as calls:
        made = request("probes.wait_on", fifo=barrier.path)
        stream = calls.executor.ExecuteTask(made, timeout=60)
        barrier.wait_until_reached()
        zygote = psutil.Process(busy_worker(calls).pid).parent()
        zygote.suspend()
        cancel = task_executor_pb2.CancelExecutionRequest(execution_id=environment(calls).workers[0].execution_id)
        calls.executor.CancelExecution(cancel)
        assert last_outcome(stream).state == State.EXECUTION_STATE_CANCELLED
        barrier.forget()
        wait_for(lambda: is_ready(calls))
        assert calls.run("basic.add", a=1, b=2) == 3
        assert not lives(zygote.pid)


def test_a_killed_zygote_is_replaced(own_service: StartService, barrier: Barrier) -> None:
    service = own_service()
    with open_calls(service) as calls, running(calls, request("probes.wait_on", fifo=barrier.path)) as results:
        barrier.wait_until_reached()
        worker = psutil.Process(busy_worker(calls).pid)
        worker.parent().kill()
        assert results.get(timeout=10).state == State.EXECUTION_STATE_LOST
        barrier.forget()
        wait_for(lambda: is_ready(calls), seconds=30)
        assert calls.run("basic.add", a=1, b=2) == 3


def test_work_waits_while_a_zygote_that_was_killed_is_replaced(own_service: StartService, barrier: Barrier) -> None:
    service = own_service()
    with open_calls(service) as calls:
        assert calls.run("basic.add", a=1, b=2) == 3
        with running(calls, request("probes.wait_on", fifo=barrier.path)) as results:
            barrier.wait_until_reached()
            zygote = psutil.Process(busy_worker(calls).pid).parent()
            with queued(calls, request("basic.add", a=1, b=2)) as waiting:
                zygote.kill()
                wait_for(lambda: not is_ready(calls))
                # What comes now waits, too.
                assert calls.run("basic.add", a=3, b=4) == 7
                assert last_outcome(waiting).HasField("outputs")
            assert results.get(timeout=10).state == State.EXECUTION_STATE_LOST
            barrier.forget()


@pytest.fixture(scope="module")
def invaded() -> Iterator[Service]:
    """A service with one worker, which must leave nothing behind."""
    with Service(TASKS, workers=1) as running_service:
        yield running_service
        assert running_service.stop().problems == [], running_service.log


def _forged(**outcome: Any) -> str:
    return _reply(outcome=execution_pb2.Outcome(**outcome))


def _followed(by: bytes, **reply: Any) -> str:
    return _reply(literals_follow=True, **reply) + encode_frame(by).hex()


_SUCCESS: Any = {"state": State.EXECUTION_STATE_SUCCEEDED, "outputs": {}}


def _reply(**reply: Any) -> str:
    return encode_frame(frames_pb2.WorkerReply(**reply).SerializeToString()).hex()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("ffffffff", id="a frame over the limit"),
        pytest.param("00000004deadbeef", id="no message"),
        pytest.param("000000020a00", id="ready in mid-execution"),
        pytest.param("00000000", id="no reply"),
        pytest.param(_reply(event={"outcome": {}}), id="an outcome as an event"),
        pytest.param(_reply(event={"started": {}}), id="an event that is not a worker's"),
        pytest.param(_reply(event={}), id="an event of nothing"),
        pytest.param(_reply(described={}), id="a description of nothing that was asked for"),
        pytest.param(_forged(), id="an outcome of nothing"),
        pytest.param(_forged(state=99, outputs={}), id="an outcome in a state that is none"),
        pytest.param(_forged(state=State.EXECUTION_STATE_RUNNING, outputs={}), id="an outcome that is none"),
        pytest.param(_forged(state=State.EXECUTION_STATE_LOST, error={}), id="an outcome that is not a worker's"),
        pytest.param(_forged(state=State.EXECUTION_STATE_SUCCEEDED), id="a success without a result"),
        pytest.param(_forged(state=State.EXECUTION_STATE_SUCCEEDED, error={}), id="a success with an error"),
        pytest.param(_forged(state=State.EXECUTION_STATE_FAILED, outputs={}), id="a failure with outputs"),
        pytest.param(
            _forged(state=State.EXECUTION_STATE_FAILED, error={"cause": execution_pb2.ERROR_CAUSE_PREEMPTED}),
            id="a failure that is the service's to say",
        ),
        pytest.param(_followed(b"\x0a\x05", outcome=_SUCCESS), id="literals that are cut off"),
        pytest.param(_followed(b"\xff" * 99, outcome=_SUCCESS), id="literals that are none"),
        pytest.param(_followed(b"", outcome={**_SUCCESS, "state": 99}), id="literals of an outcome that is none"),
        pytest.param(
            _followed(b"", outcome={"state": State.EXECUTION_STATE_FAILED, "error": {}}), id="literals of an error"
        ),
        pytest.param(_followed(b"", event={"deck": {}}), id="literals of an event"),
        pytest.param(_reply(literals_follow=True, outcome=_SUCCESS) + "7fffffff", id="literals over the limit"),
    ],
)
def test_a_worker_that_sends_junk_is_killed(invaded: Service, data: str) -> None:
    told = invaded.log.count("worker sent junk")
    with open_calls(invaded) as calls:
        outcome = calls.outcome(request("intruders.writes_to_sockets", data=data))
        assert outcome.state == State.EXECUTION_STATE_LOST, outcome
        assert "socket" in outcome.error.error.message
        assert calls.run("basic.add", a=1, b=2) == 3
        assert len(environment(calls).workers) == 1
    assert invaded.log.count("worker sent junk") == told + 1


def test_a_worker_that_hangs_after_its_execution_is_replaced(own_service: StartService) -> None:
    service = own_service("--start-timeout", "8")
    with open_calls(service) as calls:
        assert calls.run("intruders.hangs_afterwards") == 1
        assert calls.run("basic.add", a=1, b=2) == 3
    assert "it was not ready again within 8.0 s (--start-timeout)" in service.log


@pytest.mark.parametrize("end", ["cancel", "deadline"])
def test_a_description_that_nobody_waits_for_gives_its_worker_back(
    own_service: StartService, barrier: Barrier, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setenv("IMPORT_BARRIER", barrier.path)
    service = own_service()
    made = task_executor_pb2.DescribeTaskRequest(task={"name": "waits_at_import.never"})
    with open_calls(service) as calls:
        before = idle_worker(calls)
        call = calls.executor.DescribeTask.future(made, timeout=2 if end == "deadline" else 60)
        barrier.wait_until_reached()
        if end == "cancel":
            call.cancel()
            assert call.cancelled()
        else:
            assert call.exception().code() == grpc.StatusCode.DEADLINE_EXCEEDED
        # It has the only worker: this one is run by another.
        assert calls.run("basic.add", a=1, b=2) == 3
        after = idle_worker(calls)
        assert after.pid != before.pid
        assert not lives(before.pid)
        barrier.forget()
    assert "a description that nobody waits for did not end" in service.log


@pytest.mark.parametrize("how", ["sys.exit(3)", "raise KeyboardInterrupt"])
def test_a_described_module_that_wants_to_end_its_process(own_service: StartService, tmp_path: Path, how: str) -> None:
    (tmp_path / "leaves_at_import.py").write_text(f"import sys\n\n{how}\n")
    service = own_service(app_dir=tmp_path)
    made = task_executor_pb2.DescribeTaskRequest(task={"name": "leaves_at_import.task"})
    with open_calls(service) as calls:
        before = idle_worker(calls)
        with pytest.raises(grpc.RpcError) as caught:
            calls.executor.DescribeTask(made)
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
        assert "leaves_at_import" in caught.value.details()
        after = idle_worker(calls)
        assert after.pid == before.pid


def test_a_described_module_that_ends_its_process(own_service: StartService, tmp_path: Path) -> None:
    (tmp_path / "leaves_at_import.py").write_text("import os\n\nos._exit(3)\n")
    (tmp_path / "stays.py").write_text("from flytekit import task\n\n\n@task\ndef one() -> int:\n    return 1\n")
    service = own_service(app_dir=tmp_path)
    made = task_executor_pb2.DescribeTaskRequest(task={"name": "leaves_at_import.task"})
    with open_calls(service) as calls:
        with pytest.raises(grpc.RpcError) as caught:
            calls.executor.DescribeTask(made)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert calls.run("stays.one") == 1
