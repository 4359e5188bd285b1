"""How many workers and environments there are: more on demand, fewer when they idle, and who replaces whom when."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from calls import Calls, request
from conftest import open_calls
from faults import Barrier, StartService, environment, idle_worker, last_outcome, lives, running, wait_for
from flytewarm_api.v1 import settings_pb2, task_executor_pb2, worker_pool_pb2

IDLE, STARTING = worker_pool_pb2.WORKER_STATE_IDLE, worker_pool_pb2.WORKER_STATE_STARTING


def _in(letter: str, name: str = "basic.add", /, **inputs: object) -> task_executor_pb2.ExecuteTaskRequest:
    """A request for an environment of its own."""
    made = request(name, **(inputs or {"a": 1, "b": 2}))
    made.environment.env["LETTER"] = letter
    return made


def _environments(calls: Calls) -> set[str]:
    """Keys of the environments beside the default one."""
    return {one.key for one in calls.pool.ListEnvironments(worker_pool_pb2.ListEnvironmentsRequest()).environments[1:]}


def test_workers_come_on_demand_and_go_when_they_idle(own_service: StartService, tmp_path: Path) -> None:
    service = own_service("--min-workers", "0", "--idle-ttl", "0.2", workers=2)
    barriers = [Barrier(tmp_path / name) for name in ("one", "other")]
    with open_calls(service) as calls:
        assert len(environment(calls).workers) == 0
        first, second = (request("probes.wait_on", fifo=one.path) for one in barriers)
        with running(calls, first) as one, running(calls, second) as other:
            # Both are there at the same time.
            for barrier in barriers:
                barrier.wait_until_reached()
            waiting = calls.executor.ExecuteTask(request("basic.add", a=1, b=2), timeout=60)
            assert next(waiting).events[0].HasField("queued")
            assert len(environment(calls).workers) == 2
            for barrier in barriers:
                barrier.release()
            for results in (one, other):
                assert results.get(timeout=60).HasField("outputs")
            assert last_outcome(waiting).HasField("outputs")
        # The environment itself, which came with no request, stays.
        wait_for(lambda: len(environment(calls).workers) == 0)
        assert calls.run("basic.add", a=1, b=2) == 3


def test_an_environment_that_idles_ends_as_a_whole(own_service: StartService, barrier: Barrier) -> None:
    service = own_service("--idle-ttl", "0.3")
    with open_calls(service) as calls:
        wait_for(lambda: len(_workers(calls, IDLE)) == 1)
        before = service.processes
        with running(calls, _in("a", "probes.wait_on", fifo=barrier.path)):
            barrier.wait_until_reached()
            calls.outcome(_in("b"))
            wait_for(lambda: len(_environments(calls)) == 1)
            # That was the one without work.
            barrier.release()
        wait_for(lambda: _environments(calls) == set())
        wait_for(lambda: service.processes == before)
        assert service.log.count("(--idle-ttl)") >= 2
        assert calls.outcome(_in("a")).HasField("outputs")


def test_environments_go_for_their_memory_but_those_with_work(own_service: StartService, barrier: Barrier) -> None:
    with open_calls(own_service("--environments-memory", "1MiB")) as calls:
        with running(calls, _in("a", "probes.wait_on", fifo=barrier.path)) as results:
            barrier.wait_until_reached()
            (kept,) = _environments(calls)
            other = calls.outcome(_in("b")).receipt.environment
            # Each that is loaded has the memory measured.
            calls.outcome(_in("c"))
            wait_for(lambda: other not in _environments(calls))
            assert kept in _environments(calls)
            barrier.release()
            assert results.get(timeout=60).receipt.environment == kept
        calls.outcome(_in("d"))
        wait_for(lambda: kept not in _environments(calls))


def test_a_worker_serves_until_its_replacement_is_ready(
    own_service: StartService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = tmp_path / "order"
    order.write_text("")
    monkeypatch.setenv("START_FAULT", str(order))
    service = own_service("--max-executions", "2", preload="start_faults")
    with open_calls(service) as calls:
        # The service serves before its first worker has started, which is not the one that is to hang.
        idle_worker(calls)
        order.write_text("hang")
        receipts = [calls.outcome(request("basic.add", a=1, b=2)).receipt for _ in range(5)]
        assert {(receipt.worker, receipt.worker_executions) for receipt in receipts} == {
            (receipts[0].worker, number) for number in range(1, 6)
        }
        wait_for(lambda: bool(_workers(calls, STARTING)) and _workers(calls, STARTING)[0].pid != 0)
        (old,) = [worker for worker in environment(calls).workers if worker.name == receipts[0].worker]
        (hangs,) = _workers(calls, STARTING)
        order.write_text("")
        os.kill(hangs.pid, signal.SIGKILL)
        wait_for(lambda: not lives(old.pid))
        assert "it has had 2 executions (--max-executions)" in service.log
        (new,) = _workers(calls, IDLE)
        assert calls.outcome(request("basic.add", a=1, b=2)).receipt.worker == new.name


def test_a_worker_that_has_grown_is_replaced(own_service: StartService) -> None:
    service = own_service("--max-worker-growth", "48MiB")
    with open_calls(service) as calls:
        first = calls.outcome(request("basic.add", a=1, b=2)).receipt.worker
        assert calls.outcome(request("basic.add", a=1, b=2)).receipt.worker == first
        assert calls.run("hoards.keep", megabytes=64) == 1
        wait_for(lambda: first not in {worker.name for worker in environment(calls).workers})
        assert calls.run("hoards.keep", megabytes=1) == 1
        assert "(--max-worker-growth is 48 MiB)" in service.log


def test_a_spare_is_ready_before_an_execution_with_its_own_process_ends(
    own_service: StartService, barrier: Barrier
) -> None:
    with open_calls(own_service()) as calls:
        made = request("probes.wait_on", fifo=barrier.path)
        made.policy.isolation = settings_pb2.ISOLATION_PROCESS
        with running(calls, made) as results:
            barrier.wait_until_reached()
            wait_for(lambda: len(_workers(calls, IDLE)) == 1)
            (spare,) = _workers(calls, IDLE)
            # It is for the next one: no more than one execution runs at a time.
            waiting = calls.executor.ExecuteTask(request("basic.add", a=1, b=2), timeout=60)
            assert next(waiting).events[0].HasField("queued")
            assert [worker.name for worker in _workers(calls, IDLE)] == [spare.name]
            barrier.release()
            assert last_outcome(waiting).receipt.worker == spare.name
            assert results.get(timeout=60).receipt.worker != spare.name


def _workers(calls: Calls, state: worker_pool_pb2.WorkerState.ValueType) -> list[worker_pool_pb2.WorkerStatus]:
    return [worker for worker in environment(calls).workers if worker.state == state]
