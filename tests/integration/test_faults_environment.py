"""Workers that do not start, a zygote that does not fork: told, given up after a while, and mended by itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest

from calls import Calls, details, request
from conftest import open_calls
from faults import (
    Barrier,
    StartService,
    busy_worker,
    environment,
    idle_worker,
    is_broken,
    is_ready,
    last_outcome,
    queued,
    running,
    wait_for,
)
from flytewarm_api.v1 import execution_pb2
from showcase.service import Service

State = execution_pb2.ExecutionState


@pytest.fixture
def order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that tells new workers of a service with the preload module start_faults what to do: nothing at first."""
    path = tmp_path / "order"
    path.write_text("")
    monkeypatch.setenv("START_FAULT", str(path))
    return path


def _expect_broken(calls: Calls, reason: str) -> None:
    """Waits until the environment is broken: it says why, has no workers, and takes no work."""
    wait_for(lambda: is_broken(calls) and reason in environment(calls).reason)
    wait_for(lambda: not environment(calls).workers)
    refusal = _refusal(calls)
    # It may be tried again in this moment.
    if refusal is not None and refusal.code() == grpc.StatusCode.FAILED_PRECONDITION:
        assert reason in refusal.details()
        assert [detail.reason for detail in details(refusal)] == ["ENVIRONMENT_BROKEN"]


def _expect_mended(calls: Calls, service: Service, order: Path) -> None:
    """Waits until work is done again once workers start again."""
    order.write_text("")
    wait_for(lambda: _adds(calls))
    assert len(environment(calls).workers) == service.workers


def _refusal(calls: Calls) -> Any:
    """The status that work is refused with, or None."""
    try:
        calls.outcome(request("basic.add", a=1, b=2))
    except grpc.RpcError as error:
        return error
    return None


def _adds(calls: Calls) -> bool:
    """Whether work is done; it may be refused, or end with the environment."""
    try:
        return calls.outcome(request("basic.add", a=1, b=2)).HasField("outputs")
    except grpc.RpcError:
        return False


def test_workers_that_die_when_they_start(own_service: StartService, barrier: Barrier, order: Path) -> None:
    service = own_service(preload="start_faults")
    with open_calls(service) as calls, running(calls, request("probes.wait_on", fifo=barrier.path)) as results:
        barrier.wait_until_reached()
        with queued(calls, request("basic.add", a=1, b=2)) as waiting:
            order.write_text("die")
            os.kill(busy_worker(calls).pid, signal.SIGKILL)
            assert results.get(timeout=60).state == State.EXECUTION_STATE_LOST
            outcome = last_outcome(waiting)
        barrier.forget()
        assert outcome.state == State.EXECUTION_STATE_FAILED
        assert outcome.error.cause == execution_pb2.ERROR_CAUSE_SYSTEM
        assert outcome.error.error.code == "SYSTEM:EnvironmentBroken"
        assert "5 workers in a row" in outcome.error.error.message
        _expect_broken(calls, "5 workers in a row")
        _expect_mended(calls, service, order)
    assert service.log.count("worker did not start") >= 5
    assert "exited with status 7" in service.log
    assert "told to die" in service.log


def test_workers_that_hang_when_they_start(own_service: StartService, order: Path) -> None:
    order.write_text("hang")
    # As many as may fail: they hang at the same time.
    service = own_service("--start-timeout", "8", preload="start_faults", workers=5)
    with open_calls(service) as calls:
        with queued(calls, request("basic.add", a=1, b=2)) as waiting:
            assert last_outcome(waiting).error.error.code == "SYSTEM:EnvironmentBroken"
        _expect_broken(calls, "5 workers in a row")
        _expect_mended(calls, service, order)
    assert "--start-timeout" in service.log
    assert service.stop().problems == []


def test_the_directory_of_the_workers_is_made_again(own_service: StartService) -> None:
    service = own_service()
    (directory,) = service.scratch.glob("flytewarm-*/environments/*/workers")
    with open_calls(service) as calls:
        # Else it may still be making what is removed.
        idle_worker(calls)
        shutil.rmtree(directory)
        # The worker that was ready has lost its sandbox; those after it have theirs.
        assert calls.outcome(request("basic.add", a=1, b=2)).state != State.EXECUTION_STATE_UNSPECIFIED
        assert calls.run("basic.add", a=1, b=2) == 3
    assert service.stop().problems == []


def test_the_directory_of_the_workers_cannot_be_made(own_service: StartService, barrier: Barrier) -> None:
    service = own_service()
    (directory,) = service.scratch.glob("flytewarm-*/environments/*/workers")
    with open_calls(service) as calls, running(calls, request("probes.wait_on", fifo=barrier.path)) as results:
        barrier.wait_until_reached()
        with queued(calls, request("basic.add", a=1, b=2)) as waiting:
            shutil.rmtree(directory)
            directory.write_text("in the way")
            os.kill(busy_worker(calls).pid, signal.SIGKILL)
            assert results.get(timeout=60).state == State.EXECUTION_STATE_LOST
            assert last_outcome(waiting).error.error.code == "SYSTEM:EnvironmentBroken"
        barrier.forget()
        _expect_broken(calls, "5 workers in a row")
        directory.unlink()
        wait_for(lambda: _adds(calls))
    assert "worker not forked" in service.log
    assert service.stop().problems == []


def test_a_stopped_zygote_is_noticed(own_service: StartService, barrier: Barrier) -> None:
    service = own_service()
    with open_calls(service) as calls, running(calls, request("probes.wait_on", fifo=barrier.path)) as results:
        barrier.wait_until_reached()
        worker = psutil.Process(busy_worker(calls).pid)
        zygote = worker.parent()
        assert zygote is not None
        zygote.suspend()
        with queued(calls, request("basic.add", a=1, b=2)) as waiting:
            worker.kill()
            assert results.get(timeout=60).state == State.EXECUTION_STATE_LOST
            outcome = last_outcome(waiting)
        barrier.forget()
        assert outcome.error.error.code == "SYSTEM:EnvironmentBroken"
        assert "did not fork a worker" in outcome.error.error.message
        wait_for(lambda: _adds(calls))
        assert not zygote.is_running()
    assert service.stop().problems == []


def test_a_stopped_zygote_does_not_hold_up_the_stop(own_service: StartService) -> None:
    service = own_service()
    with open_calls(service) as calls:
        zygote = psutil.Process(idle_worker(calls).pid).parent()
        assert zygote is not None
        base = zygote.parent()
        assert base is not None
        zygote.suspend()
        base.suspend()
    assert service.stop().problems == []


def test_an_interpreter_that_is_gone_is_tried_again(own_service: StartService, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    service = own_service("--python", str(python))
    with open_calls(service) as calls:
        zygote = psutil.Process(idle_worker(calls).pid).parent()
        assert zygote is not None
        python.rename(tmp_path / "away")
        zygote.kill()
        _expect_broken(calls, f"{python} cannot be started: No such file or directory")
        (tmp_path / "away").rename(python)
        wait_for(lambda: _adds(calls))
    assert service.stop().problems == []


def test_a_new_interpreter_has_the_arguments_of_the_one_before(own_service: StartService) -> None:
    service = own_service()
    with open_calls(service) as calls, contextlib.ExitStack() as connections:
        asked = request("probes.imported", module="sys", name="orig_argv")
        before = calls.outcome(asked)
        (base,) = psutil.Process(service.pid).children()
        base.kill()
        wait_for(lambda: not is_ready(calls))
        for _ in range(5):
            # They take numbers of descriptors that the first one had.
            other = connections.enter_context(socket.socket(socket.AF_UNIX))
            other.connect(service.target.removeprefix("unix:"))
        wait_for(lambda: is_ready(calls))
        assert calls.outcome(asked).outputs == before.outputs


def test_a_base_zygote_with_news_at_its_end_keeps_the_services_files(own_service: StartService) -> None:
    service = own_service()
    (environments,) = service.scratch.glob("flytewarm-*/environments")
    (environments / "kept").touch()
    with open_calls(service) as calls:
        zygote = psutil.Process(idle_worker(calls).pid).parent()
        assert zygote is not None
        base = zygote.parent()
        assert base is not None
        base.suspend()
        zygote.kill()
        wait_for(lambda: is_broken(calls))
        # By now it was told to stop, too: it has a death to report and nobody to report it to.
        base.resume()
        wait_for(lambda: _adds(calls))
    assert (environments / "kept").exists()
    assert service.stop().problems == []
