"""Hooks of task modules: at the start of a worker, and when an execution is ended."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from calls import Calls, request
from conftest import TASKS, open_calls
from faults import Barrier, StartService, idle_worker, launched, wait_for
from flytewarm_api.v1 import execution_pb2, task_executor_pb2
from showcase.service import Service

State = execution_pb2.ExecutionState
Ended = tuple[execution_pb2.Outcome, str]


@pytest.fixture(scope="module")
def hooked() -> Iterator[Calls]:
    """Stubs of a service with one worker that has the hooks. Its grace is longer than any test may take."""
    with Service(TASKS, preload="hooked", workers=1, options=("--cancel-grace", "600")) as running:
        with open_calls(running) as opened:
            yield opened
        assert running.stop().problems == [], running.log


@pytest.fixture
def second_barrier(tmp_path: Path) -> Barrier:
    """A FIFO for a hook to wait on."""
    return Barrier(tmp_path / "second")


def _ended(calls: Calls, made: task_executor_pb2.ExecuteTaskRequest, barrier: Barrier) -> Callable[[], Ended]:
    """Cancels an execution when it has reached its barrier; what is returned waits for its outcome and its log."""
    made.execution_id = made.settings.execution.name = f"ended-{os.path.basename(os.path.dirname(barrier.path))}"
    stream = calls.executor.ExecuteTask(made, timeout=60)
    barrier.wait_until_reached()
    cancel = task_executor_pb2.CancelExecutionRequest(execution_id=made.execution_id)
    assert calls.executor.CancelExecution(cancel).state == State.EXECUTION_STATE_RUNNING

    def result() -> Ended:
        events = [event for message in stream for event in message.events]
        barrier.forget()
        return events[-1].outcome, "".join(event.log.text for event in events)

    return result


def test_each_worker_has_called_its_hooks_once_before_its_first_execution(hooked: Calls) -> None:
    outcomes = [hooked.outcome(request("hooked.started")) for _ in range(2)]
    seen = [json.loads(json.loads(outcome.outputs.json)["o0"]) for outcome in outcomes]
    assert seen[0] == seen[1]
    assert seen[0]["hooks"] == ["first", "second"]
    assert seen[0]["set"] == str(seen[0]["pid"])
    assert outcomes[0].receipt.worker == outcomes[1].receipt.worker


@pytest.mark.parametrize("task", ["waits", "awaits"])
def test_a_cancelled_execution_has_its_hook_called_in_its_context(hooked: Calls, barrier: Barrier, task: str) -> None:
    outcome, log = _ended(hooked, made := request(f"hooked.{task}", fifo=barrier.path), barrier)()
    assert outcome.state == State.EXECUTION_STATE_CANCELLED
    assert log == f"of the module, in {made.execution_id}\n"


def test_the_last_hook_is_called_first_and_one_that_raises_or_exits_does_not_stop_the_others(
    hooked: Calls, barrier: Barrier
) -> None:
    made = request("hooked.waits_with", hooks=["prints", "raises", "exits"], fifo=barrier.path)
    outcome, log = _ended(hooked, made, barrier)()
    assert outcome.state == State.EXECUTION_STATE_CANCELLED
    places = [log.index(text) for text in ("SystemExit: of the task", "ValueError", "of the task\nof the module")]
    assert places == sorted(places)
    assert "on_cancel hook hooked.waits_with.<locals>.<lambda>:\nTraceback" in log


def test_a_hook_has_the_grace_and_the_process_ends_when_it_is_done(
    hooked: Calls, barrier: Barrier, second_barrier: Barrier
) -> None:
    made = request("hooked.waits_with", hooks=["waits"], fifo=barrier.path, hook_fifo=second_barrier.path)
    result = _ended(hooked, made, barrier)
    second_barrier.wait_until_reached()
    second_barrier.release("cleaned up")
    outcome, log = result()
    assert outcome.state == State.EXECUTION_STATE_CANCELLED
    assert log.startswith("of the task: cleaned up\nof the module")


def test_hooks_of_an_execution_end_with_it(hooked: Calls, barrier: Barrier, second_barrier: Barrier) -> None:
    made = request("hooked.waits_with", hooks=["prints"], fifo=barrier.path)
    stream = hooked.executor.ExecuteTask(made, timeout=60)
    barrier.wait_until_reached()
    barrier.release()
    outcome = [event for message in stream for event in message.events][-1].outcome
    again = request("hooked.waits", fifo=second_barrier.path)
    later, log = _ended(hooked, again, second_barrier)()
    assert later.state == State.EXECUTION_STATE_CANCELLED
    assert log == f"of the module, in {again.execution_id}\n"
    assert outcome.state == State.EXECUTION_STATE_SUCCEEDED


def test_a_timeout_calls_hooks_too(hooked: Calls, barrier: Barrier) -> None:
    made = request("hooked.waits", fifo=barrier.path)
    # Long enough to reach the barrier on a slow machine.
    made.policy.timeout.FromSeconds(5)
    stream = hooked.executor.ExecuteTask(made, timeout=60)
    barrier.wait_until_reached()
    events = [event for message in stream for event in message.events]
    barrier.forget()
    assert events[-1].outcome.state == State.EXECUTION_STATE_TIMED_OUT
    assert "in waits" in events[-1].outcome.error.error.message
    assert "of the module" in "".join(event.log.text for event in events)


def test_a_process_that_the_task_has_forked_calls_no_hooks(hooked: Calls, barrier: Barrier) -> None:
    made = request("hooked.forks_and_waits", fifo=barrier.path)
    _, log = _ended(hooked, made, barrier)()
    assert log.count("of the module") == 1


def test_a_task_that_misses_the_signal_has_its_hooks_called(hooked: Calls, barrier: Barrier) -> None:
    _, log = _ended(hooked, made := request("hooked.waits_deaf", fifo=barrier.path), barrier)()
    assert log == f"of the module, in {made.execution_id}\n"


def test_a_hook_that_hangs_ends_with_the_grace(
    own_service: StartService, barrier: Barrier, second_barrier: Barrier
) -> None:
    with open_calls(own_service("--cancel-grace", "0.5")) as calls:
        made = request("hooked.waits_with", hooks=["waits"], fifo=barrier.path, hook_fifo=second_barrier.path)
        result = _ended(calls, made, barrier)
        second_barrier.wait_until_reached()
        outcome, log = result()
        assert (outcome.state, log) == (State.EXECUTION_STATE_CANCELLED, "")
        second_barrier.forget()
        assert calls.run("basic.add", a=1, b=2) == 3


def test_hooks_of_a_module_that_an_execution_imports(own_service: StartService, barrier: Barrier) -> None:
    with open_calls(own_service()) as calls:
        seen = [json.loads(calls.run("hooked.started")) for _ in range(2)]
        assert seen[0] == seen[1]
        assert seen[0]["hooks"] == ["first", "second"]
        _, log = _ended(calls, request("hooked.waits", fifo=barrier.path), barrier)()
        assert log.startswith("of the module")


def test_the_first_hook_cannot_come_from_another_thread(calls: Calls) -> None:
    assert "has to be called in the main thread" in calls.run("hook_faults.registers_in_a_thread")


def test_a_start_hook_that_raises_in_an_execution(own_service: StartService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_FAULT", "raise")
    with open_calls(own_service()) as calls:
        before = idle_worker(calls).name
        outcome = calls.outcome(request("hook_faults.works"))
        assert outcome.error.cause == execution_pb2.ERROR_CAUSE_USER
        assert "on_worker_start hook hook_faults.obey: ValueError: no connection" in outcome.error.error.message
        wait_for(lambda: idle_worker(calls).name != before)
        assert calls.run("basic.add", a=1, b=2) == 3


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ("raise", "could not start: on_worker_start hook hook_faults.obey: ValueError: no connection"),
        ("exit", "could not start: on_worker_start hook hook_faults.obey: SystemExit: 3"),
    ],
)
def test_a_start_hook_that_raises_keeps_the_worker_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str, reason: str
) -> None:
    monkeypatch.setenv("HOOK_FAULT", order)
    options = ("--app-dir", str(TASKS), "--preload", "hook_faults")
    with launched(tmp_path, "--listen", f"unix:{tmp_path}/s", *options) as server:
        line: dict[str, Any] = json.loads(server.read_until("worker did not start"))
        assert line["reason"] == reason
        lost = json.loads(server.read_until("environment lost"))
        assert lost["reason"].endswith(reason.removeprefix("could not start"))


def test_a_start_hook_that_hangs_is_ended_by_the_start_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_FAULT", "hang")
    options = ("--app-dir", str(TASKS), "--preload", "hook_faults", "--start-timeout", "8")
    with launched(tmp_path, "--listen", f"unix:{tmp_path}/s", *options) as server:
        assert "within 8.0 s (--start-timeout)" in server.read_until("worker not ready")
        assert "was killed by SIGKILL" in server.read_until("worker did not start")
