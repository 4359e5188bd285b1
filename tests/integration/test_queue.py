"""Executions side by side: ids that attach, the queue, its order and its limit."""

from __future__ import annotations

import grpc
import pytest

from calls import request
from conftest import open_calls
from faults import Barrier, StartService, running


def test_the_same_id_attaches_and_another_request_is_refused(own_service: StartService, barrier: Barrier) -> None:
    service = own_service()
    made = request("probes.wait_on", fifo=barrier.path)
    made.execution_id = "once"
    with open_calls(service) as calls, running(calls, made) as first, running(calls, made) as second:
        barrier.wait_until_reached()
        other = request("basic.add", a=1, b=2)
        other.execution_id = "once"
        with pytest.raises(grpc.RpcError) as caught:
            calls.events(other)
        assert caught.value.code() == grpc.StatusCode.ALREADY_EXISTS
        barrier.release()
        assert first.get(timeout=10) == second.get(timeout=10)


def test_a_full_queue(own_service: StartService, barrier: Barrier) -> None:
    service = own_service("--max-queue", "1")
    with open_calls(service) as calls, running(calls, request("probes.wait_on", fifo=barrier.path)):
        barrier.wait_until_reached()
        waiting = calls.executor.ExecuteTask(request("basic.add", a=1, b=2))
        next(waiting)
        with pytest.raises(grpc.RpcError) as caught:
            calls.events(request("basic.add", a=1, b=2))
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "--max-queue" in caught.value.details()
        barrier.release()
        assert [event for message in waiting for event in message.events][-1].HasField("outcome")


def test_priorities(own_service: StartService, barrier: Barrier) -> None:
    service = own_service()
    with open_calls(service) as calls, running(calls, request("probes.wait_on", fifo=barrier.path)):
        barrier.wait_until_reached()
        streams = {}
        for priority in (0, 5, -5, 5):
            made = request("probes.process")
            made.policy.priority = priority
            stream = calls.executor.ExecuteTask(made)
            next(stream)
            streams[(priority, len(streams))] = stream
        barrier.release()
        served = {
            key: [event for message in stream for event in message.events][-1].outcome.receipt.worker_executions
            for key, stream in streams.items()
        }
    assert sorted(served, key=served.__getitem__) == [(5, 1), (5, 3), (0, 0), (-5, 2)]


def test_long_logs_are_cut_with_a_mark(own_service: StartService) -> None:
    service = own_service("--max-log-bytes", "4096")
    with open_calls(service) as calls:
        logs = [event.log for event in calls.events(request("basic.noisy", lines=2000)) if event.HasField("log")]
    assert sum(len(log.text) for log in logs) == 4096
    assert [log.dropped_bytes > 0 for log in logs] == [False] * (len(logs) - 1) + [True]
    written = sum(len(f"out {number}\nerr {number}\n") for number in range(2000))
    assert logs[-1].dropped_bytes == written + len("from a descriptor\nfrom a subprocess\n") - 4096
