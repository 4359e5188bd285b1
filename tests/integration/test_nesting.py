"""Tasks that call the service themselves: nobody waits for the worker that they hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from calls import Calls, request
from conftest import TASKS, open_calls
from faults import Barrier, StartService, environment, last_outcome, launched, queued, refuses, running, wait_for
from flytewarm_api.nesting import METADATA_KEY
from flytewarm_api.v1 import execution_pb2, worker_pool_pb2
from showcase.service import Service


@pytest.fixture(scope="module")
def narrow() -> Iterator[tuple[Calls, str]]:
    """A service with one worker and two levels of nesting, and its target."""
    with Service(TASKS, workers=1, options=("--max-nesting", "2", "--max-queue", "1")) as service:
        with open_calls(service) as calls:
            yield calls, service.target
        assert service.stop().problems == [], service.log


def test_a_parent_a_child_and_a_grandchild_with_one_worker(narrow: tuple[Calls, str]) -> None:
    calls, target = narrow
    assert calls.run("nested.depth_below", target=target, levels=2) == 2


def test_a_task_finds_the_service_that_runs_it(narrow: tuple[Calls, str]) -> None:
    calls, target = narrow
    assert calls.run("nested.targets_by_default") == [target, target, "h:1"]
    assert calls.run("nested.depth_without_a_target", levels=2) == 2


def test_a_target_in_the_environment_of_a_task_comes_first(narrow: tuple[Calls, str]) -> None:
    made = request("nested.targets_by_default")
    made.settings.env["FLYTEWARM_TARGET"] = "unix:/elsewhere"
    assert '["unix:/elsewhere", "unix:/elsewhere", "h:1"]' in narrow[0].outcome(made).outputs.json


def test_a_program_that_a_task_starts_does_not_wait_for_its_worker(narrow: tuple[Calls, str]) -> None:
    assert narrow[0].run("nested.from_a_program", levels=2) == "reached"


def test_a_task_finds_a_service_that_listens_on_all_addresses(tmp_path: Path) -> None:
    options = ("--listen", "0.0.0.0:0", "--insecure", "--app-dir", str(TASKS), "--log-format", "json")
    with launched(tmp_path, *options) as server:
        (address,) = json.loads(server.read_until('"listening"'))["addresses"]
        server.read_until("environment ready")
        port = address.rpartition(":")[2]
        with Calls(grpc.insecure_channel(f"127.0.0.1:{port}")) as calls:
            assert calls.run("nested.targets_by_default")[0] == f"127.0.0.1:{port}"
            assert calls.run("nested.depth_without_a_target", levels=1) == 1
        server.process.terminate()
        assert server.end() == 0


def test_the_workers_that_it_took_end_with_the_parent(narrow: tuple[Calls, str]) -> None:
    calls, target = narrow
    assert calls.run("nested.depth_below", target=target, levels=2) == 2
    wait_for(lambda: len(environment(calls).workers) == 1)


def test_one_level_too_deep_is_refused(narrow: tuple[Calls, str]) -> None:
    calls, target = narrow
    outcome = calls.outcome(request("nested.depth_below", target=target, levels=3))
    assert outcome.state == execution_pb2.EXECUTION_STATE_FAILED
    assert "is at nesting level 2, and no deeper one is served (--max-nesting is 2)" in outcome.error.error.message


@pytest.mark.parametrize(
    ("name", "result"), [("from_a_coroutine", 3), ("from_a_thread", [3]), ("described", "basic.add")]
)
def test_however_a_task_calls(narrow: tuple[Calls, str], name: str, result: object) -> None:
    calls, target = narrow
    assert calls.run(f"nested.{name}", target=target) == result


def test_a_full_queue_does_not_fail_what_runs(narrow: tuple[Calls, str], barrier: Barrier) -> None:
    calls, target = narrow
    with running(calls, request("nested.meets", target=target, fifo=barrier.path, name="nested.pid")) as parent:
        barrier.wait_until_reached()
        with queued(calls, request("nested.pid")) as waiting:
            with pytest.raises(grpc.RpcError) as caught:
                calls.outcome(request("nested.pid"))
            assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            barrier.release()
            assert parent.get(timeout=60).state == execution_pb2.EXECUTION_STATE_SUCCEEDED
            assert last_outcome(waiting).state == execution_pb2.EXECUTION_STATE_SUCCEEDED


def test_a_map_inside_of_a_task_with_one_worker(narrow: tuple[Calls, str]) -> None:
    """With one place in the queue: the stream waits for that, instead of being refused."""
    calls, target = narrow
    assert calls.run("nested.maps", target=target, count=30) == list(range(1, 31))


def test_children_share_the_workers_of_their_level(own_service: StartService) -> None:
    service = own_service(workers=2)
    with open_calls(service) as calls:
        processes = calls.run("nested.fans_out", target=service.target, count=8)
        assert len(processes) == 8
        assert 1 <= len(set(processes)) <= 3


def test_a_parent_finishes_while_the_service_stops(own_service: StartService, barrier: Barrier) -> None:
    service = own_service()
    with open_calls(service) as calls:
        made = request("nested.meets", target=service.target, fifo=barrier.path, name="nested.pid")
        with running(calls, made) as parent:
            barrier.wait_until_reached()
            calls.pool.Drain(worker_pool_pb2.DrainRequest())
            wait_for(lambda: refuses(calls))
            barrier.release()
            assert parent.get(timeout=60).state == execution_pb2.EXECUTION_STATE_SUCCEEDED


@pytest.mark.parametrize("parent", ["", "nobody", "ended"])
def test_a_parent_that_does_not_run_is_none(narrow: tuple[Calls, str], parent: str) -> None:
    calls, _ = narrow
    made = request("basic.add", a=1, b=2)
    made.execution_id = "ended"
    calls.outcome(made)
    stream = calls.executor.ExecuteTask(request("basic.add", a=1, b=2), metadata=((METADATA_KEY, parent),))
    assert last_outcome(stream).state == execution_pb2.EXECUTION_STATE_SUCCEEDED
