"""Environments whose code no fork survives: their workers are exec'd, and are workers as all others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from calls import Calls, request
from conftest import TASKS, open_calls
from faults import (
    Barrier,
    StartService,
    busy_worker,
    environment,
    idle_worker,
    launched,
    lives,
    running,
    wait_for,
)
from flytewarm_api.v1 import execution_pb2, settings_pb2, task_executor_pb2, worker_pool_pb2
from showcase.service import Service, free_port

State = execution_pb2.ExecutionState
HTTP_PORT = free_port()


@pytest.fixture(scope="module")
def exec_service() -> Iterator[Service]:
    """A service whose one worker is exec'd."""
    options = ("--http", f"127.0.0.1:{HTTP_PORT}", "--cancel-grace", "1")
    with Service(TASKS, preload="starts_a_thread", workers=1, options=options) as running_service:
        yield running_service
        assert running_service.stop().problems == [], running_service.log


@pytest.fixture(scope="module")
def exec_calls(exec_service: Service) -> Iterator[Calls]:
    """Its stubs."""
    with open_calls(exec_service) as opened:
        yield opened


def test_the_reason_is_told_in_status_log_and_metric(exec_service: Service, exec_calls: Calls) -> None:
    reason = "preloaded code started threads: left"
    status = environment(exec_calls)
    assert (status.start_method, status.start_method_reason) == (worker_pool_pb2.START_METHOD_EXEC, reason)
    warnings = [line for line in exec_service.log.splitlines() if "workers are exec'd" in line]
    assert [json.loads(line)["reason"] for line in warnings] == [reason]
    with urlopen(f"http://127.0.0.1:{HTTP_PORT}/metrics") as answer:
        assert 'environments_loaded_total{reason="threads",start_method="exec"} 1.0' in answer.read().decode()
    command = [Path(sys.executable).with_name("flytewarm"), "status", "--target", exec_service.target]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert f"  workers are exec'd, not forked: {reason}\n" in told


def test_code_that_is_fit_to_fork_is_forked(calls: Calls) -> None:
    status = environment(calls)
    assert (status.start_method, status.start_method_reason) == (worker_pool_pb2.START_METHOD_FORK, "")


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("basic.add", {"a": 1, "b": 2}),
        ("basic.greet", {"name": "you", "times": 3}),
        ("basic.two", {}),
        ("basic.nothing", {}),
        ("basic.fail", {"message": "no"}),
        ("probes.recoverable", {}),
    ],
)
def test_outcomes_equal_those_of_forked_workers(
    exec_calls: Calls, calls: Calls, name: str, inputs: dict[str, object]
) -> None:
    execd, forked = (one.outcome(request(name, **inputs)) for one in (exec_calls, calls))
    for outcome in (execd, forked):
        outcome.ClearField("receipt")
        outcome.error.error.ClearField("timestamp")
        outcome.error.error.ClearField("worker")
    assert execd == forked


def test_the_process_is_a_fresh_interpreter_with_what_a_forked_one_has(
    exec_service: Service, service: Service, exec_calls: Calls, calls: Calls
) -> None:
    # The forked one is new, too: what a library changes when an earlier task imports it stays with a worker.
    made = request("starts_a_thread.process")
    made.policy.isolation = settings_pb2.ISOLATION_PROCESS
    outcomes = [one.outcome(made) for one in (exec_calls, calls)]
    execd, forked = (json.loads(json.loads(outcome.outputs.json)["o0"]) for outcome in outcomes)
    assert "exec_worker" in execd["program"]
    assert "exec_worker" not in forked["program"]
    assert "left" in execd["threads"]
    assert (execd["leads its session"], forked["leads its session"]) == (True, True)
    # The services began at different moments of these tests, which may have set variables in between: what the tasks
    # find apart may come from there and from nowhere else.
    assert set(execd["variables"]) ^ set(forked["variables"]) <= _environ(exec_service) ^ _environ(service)
    assert set(execd["open"]) <= set(forked["open"])


def _environ(running: Service) -> set[str]:
    return set(psutil.Process(running.pid).environ())


def test_a_worker_is_used_again_with_the_threads_of_its_code(exec_calls: Calls) -> None:
    receipts = [exec_calls.outcome(request("starts_a_thread.process")).receipt for _ in range(2)]
    assert [receipt.worker_retired for receipt in receipts] == ["", ""]
    assert receipts[0].worker == receipts[1].worker


def test_an_execution_with_a_process_of_its_own(exec_calls: Calls) -> None:
    made = request("basic.add", a=1, b=2)
    made.policy.isolation = settings_pb2.ISOLATION_PROCESS
    receipts = [exec_calls.outcome(made).receipt for _ in range(2)]
    assert receipts[0].worker != receipts[1].worker
    assert {receipt.worker_executions for receipt in receipts} == {1}


def test_a_cancelled_execution_ends_with_its_process(exec_calls: Calls, barrier: Barrier) -> None:
    made = request("probes.stubborn", fifo=barrier.path)
    made.execution_id = "cancelled-in-an-exec-worker"
    with running(exec_calls, made) as results:
        barrier.wait_until_reached()
        pid = busy_worker(exec_calls).pid
        exec_calls.executor.CancelExecution(task_executor_pb2.CancelExecutionRequest(execution_id=made.execution_id))
        assert results.get(timeout=30).state == State.EXECUTION_STATE_CANCELLED
        wait_for(lambda: not lives(pid))
        barrier.forget()


def test_a_killed_worker_is_replaced(exec_calls: Calls, barrier: Barrier) -> None:
    with running(exec_calls, request("probes.wait_on", fifo=barrier.path)) as results:
        barrier.wait_until_reached()
        killed = busy_worker(exec_calls)
        os.kill(killed.pid, signal.SIGKILL)
        outcome = results.get(timeout=30)
        assert outcome.state == State.EXECUTION_STATE_LOST
        assert "SIGKILL" in outcome.error.error.message
        barrier.forget()
    process = json.loads(exec_calls.run("starts_a_thread.process"))
    assert process["pid"] != killed.pid
    assert "exec_worker" in process["program"]


def test_a_killed_server_leaves_no_process(own_service: StartService, barrier: Barrier) -> None:
    service = own_service(preload="starts_a_thread")
    with open_calls(service) as calls, running(calls, request("probes.shell_and_wait", fifo=barrier.path)) as results:
        barrier.wait_until_reached()
        # Server, two zygotes, the worker, and the task's own process in a session of its own.
        wait_for(lambda: len(service.processes) == 5)
        before = service.processes
        os.kill(service.pid, signal.SIGKILL)
        wait_for(lambda: not any(map(lives, before)))
        results.get(timeout=10)
        barrier.forget()
        wait_for(lambda: not list(service.scratch.iterdir()))


def test_a_server_that_is_killed_while_a_worker_imports_its_code(
    tmp_path: Path, barrier: Barrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPORT_BARRIER", barrier.path)
    options = ("--app-dir", str(TASKS), "--preload", "waits_at_import", "--start-method", "exec")
    with launched(tmp_path, "--listen", f"unix:{tmp_path}/s", *options) as server:
        barrier.wait_until_reached()
        below = server.below()
        server.process.kill()
        server.process.wait()
        wait_for(lambda: not any(map(lives, below)))
        wait_for(lambda: not list(tmp_path.glob("flytewarm-*")))
    barrier.forget()


def test_a_worker_that_cannot_import_its_code_says_why(tmp_path: Path) -> None:
    options = ("--app-dir", str(TASKS), "--preload", "no_such_module", "--start-method", "exec")
    with launched(tmp_path, "--listen", f"unix:{tmp_path}/s", *options) as server:
        line = server.read_until("worker did not start")
        assert "could not start: preload module no_such_module: ModuleNotFoundError: No module named" in line


def test_code_that_becomes_unfit_later_is_loaded_again(own_service: StartService) -> None:
    service = own_service(preload="threads_later", workers=2)
    with open_calls(service) as calls:
        wait_for(lambda: service.log.count('"environment ready"') == 2)
        assert environment(calls).start_method == worker_pool_pb2.START_METHOD_EXEC
        assert environment(calls).start_method_reason.startswith("preloaded code started threads: late")
        assert calls.run("basic.add", a=1, b=2) == 3


def test_with_exec_nothing_is_imported_before_the_worker(own_service: StartService) -> None:
    with open_calls(own_service("--start-method", "exec", preload="starts_a_thread")) as calls:
        zygote = psutil.Process(idle_worker(calls).pid).parent()
        assert zygote.num_threads() == 1
        assert environment(calls).start_method_reason == "--start-method is exec"
