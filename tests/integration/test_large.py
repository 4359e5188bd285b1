"""What is too large is cut with a mark, or left out: neither the service nor an outcome is lost over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from flyteidl.core import errors_pb2

from calls import Calls, request, violated_fields
from conftest import TASKS, open_calls
from faults import idle_worker, wait_for
from flytewarm_api.v1 import execution_pb2, task_executor_pb2, worker_pool_pb2
from flytewarm_api.worker import proc
from showcase.service import Service

MIB = 1 << 20
LIMITS = ("--max-error-bytes", "64KiB", "--max-deck-bytes", "32KiB", "--max-log-bytes", "1MiB")


@pytest.fixture(scope="module")
def limited() -> Iterator[Calls]:
    """A service with low limits, whose one worker outlives all of it."""
    with Service(TASKS, workers=1, options=LIMITS) as running:
        with open_calls(running) as calls:
            yield calls
            assert calls.run("basic.add", a=40, b=2) == 42
        assert "worker sent junk" not in running.log
        assert max(map(len, running.log.splitlines())) < MIB
        assert running.stop().problems == []


def test_an_error_of_100_megabytes(limited: Calls, tmp_path: Path) -> None:
    made = request("large.fails", length=100 * MIB)
    made.settings.output_prefix = str(tmp_path)
    outcome = limited.outcome(made)
    assert outcome.state == execution_pb2.EXECUTION_STATE_FAILED
    written = errors_pb2.ErrorDocument.FromString((tmp_path / "error.pb").read_bytes()).error
    for error in (outcome.error.error, written):
        assert "characters left out" in error.message
        assert error.message.startswith("Trace:")
        assert 4096 < len(error.message.encode()) <= 64 << 10
    listed = limited.executor.ListExecutions(task_executor_pb2.ListExecutionsRequest(page_size=1), timeout=60)
    assert "characters left out" in listed.executions[0].outcome.error.error.message
    assert listed.ByteSize() < 4096


@pytest.fixture(scope="module")
def by_default() -> Iterator[Calls]:
    """A service without options, and a client as gRPC makes it, which takes messages of at most 4 MiB."""
    with Service(TASKS, workers=1) as running:
        with Calls(grpc.insecure_channel(running.target)) as calls:
            yield calls
        assert running.stop().problems == []


@pytest.mark.parametrize("task", ["fails", "decks", "writes_one_line", "measures"])
@pytest.mark.parametrize("length", [3 * MIB - 2048, 5 * MIB, 10 * MIB])
def test_no_client_loses_an_outcome_by_default(by_default: Calls, task: str, length: int) -> None:
    outcome = by_default.outcome(request(f"large.{task}", length=length))
    assert outcome.WhichOneof("result") == ("error" if task == "fails" else "outputs")


def test_a_long_error_code(limited: Calls) -> None:
    error = limited.outcome(request("large.fails_with_a_long_code")).error.error
    assert error.code.startswith("USER:ccc")
    assert len(error.code) <= 1024
    assert len(error.message.encode()) <= 64 << 10


def test_a_deck_of_100_megabytes(limited: Calls, tmp_path: Path) -> None:
    made = request("large.decks", length=100 * MIB)
    events = limited.events(made)
    assert events[-1].outcome.HasField("outputs")
    (deck,) = [event.deck for event in events if event.HasField("deck")]
    assert "over the limit of 32768 bytes" in deck.html
    made.settings.output_prefix = str(tmp_path)
    (deck,) = [event.deck for event in limited.events(made) if event.HasField("deck")]
    assert (deck.html, deck.uri) == ("", str(tmp_path / "deck.html"))
    assert (tmp_path / "deck.html").stat().st_size > 100 * MIB


def test_a_line_of_10_megabytes(limited: Calls) -> None:
    events = limited.events(request("large.writes_one_line", length=10 * MIB))
    assert events[-1].outcome.HasField("outputs")
    texts = [event.log.text for event in events if event.HasField("log")]
    assert sum(map(len, texts)) == MIB
    assert max(map(len, texts)) <= 128 << 10
    assert sum(event.log.dropped_bytes for event in events) == 9 * MIB


def test_a_metric_with_a_name_of_100_megabytes(limited: Calls) -> None:
    events = limited.events(request("large.measures", length=100 * MIB))
    assert events[-1].outcome.HasField("outputs")
    assert max(event.ByteSize() for event in events) < MIB


def test_descriptions(limited: Calls) -> None:
    def describe(name: str) -> task_executor_pb2.DescribeTaskResponse:
        reference = task_executor_pb2.TaskReference(name=name)
        return limited.executor.DescribeTask(task_executor_pb2.DescribeTaskRequest(task=reference), timeout=60)

    assert "characters left out" in describe("large.documented").documentation
    told = describe("large.with_a_large_default")
    assert [(one.name, one.default_json, one.required) for one in told.inputs] == [("text", "", False)]


def test_metadata(limited: Calls) -> None:
    call = limited.pool.GetCapabilities
    nothing = worker_pool_pb2.GetCapabilitiesRequest()
    assert call(nothing, metadata=(("x-much", "x" * 10_000),), timeout=60).workers == 1
    with pytest.raises(grpc.RpcError) as caught:
        call(nothing, metadata=(("x-much", "x" * 20_000),), timeout=60)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "metadata" in caught.value.details()


def test_a_long_name_in_lists_and_a_long_reason(limited: Calls) -> None:
    reference = task_executor_pb2.TaskReference(resolver="no.such", loader_args=["a" * MIB])
    made = task_executor_pb2.ExecuteTaskRequest(execution_id="long", task=reference)
    limited.outcome(made)
    wanted = task_executor_pb2.GetExecutionRequest(execution_id="long")
    assert limited.executor.GetExecution(wanted, timeout=60).execution.task == "a" * 512
    cancel = task_executor_pb2.CancelExecutionRequest(execution_id="long", reason="r" * 5000)
    with pytest.raises(grpc.RpcError) as caught:
        limited.executor.CancelExecution(cancel, timeout=60)
    assert violated_fields(caught.value) == ["reason"]


def test_tens_of_megabytes_in_and_out() -> None:
    text = "Grün" * (6 * MIB)
    made = task_executor_pb2.ExecuteTaskRequest(task=task_executor_pb2.TaskReference(name="large.same"))
    made.literals.literals["text"].scalar.primitive.string_value = text
    with Service(TASKS, workers=1, options=("--max-message-bytes", "64MiB")) as running, open_calls(running) as calls:
        for _ in range(2):
            outcome = calls.outcome(made)
            assert outcome.outputs.literals.literals["o0"].scalar.primitive.string_value == text
            assert outcome.receipt.input_bytes == made.literals.ByteSize()
        assert outcome.receipt.worker_executions == 2
        assert running.stop().problems == []


@pytest.fixture(scope="module")
def roomy() -> Iterator[tuple[Service, Calls]]:
    """A service for large messages, whose one worker outlives all of it, and which keeps no descriptor over it."""
    with Service(TASKS, workers=1, options=("--max-message-bytes", "256MiB")) as running:
        with open_calls(running) as calls:
            assert calls.run("large.same", text="short") == "short"
            processes = [running.pid, idle_worker(calls).pid]
            before = list(map(_descriptors, processes))
            yield running, calls
            assert idle_worker(calls).pid == processes[1]
            assert list(map(_descriptors, processes)) == before
        assert "worker sent junk" not in running.log
        assert running.stop().problems == []


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _same(text: str, execution_id: str = "") -> task_executor_pb2.ExecuteTaskRequest:
    made = task_executor_pb2.ExecuteTaskRequest(
        execution_id=execution_id, task=task_executor_pb2.TaskReference(name="large.same")
    )
    made.literals.literals["text"].scalar.primitive.string_value = text
    return made


# Around the size from which on literals go beside their messages, and far over it.
@pytest.mark.parametrize("length", [1, 60_000, (64 << 10) - 1, 64 << 10, 1_000_000, 10_000_000, 100_000_000])
def test_what_goes_in_comes_out(roomy: tuple[Service, Calls], length: int) -> None:
    _, calls = roomy
    made = _same("x" * length)
    outcome = calls.outcome(made)
    assert outcome.outputs.literals.literals["o0"] == made.literals.literals["text"]
    assert outcome.receipt.input_bytes == made.literals.ByteSize()
    assert outcome.receipt.output_bytes == outcome.outputs.literals.ByteSize()


@pytest.mark.parametrize("length", [1_000_000, 10_000_000])
def test_large_outputs_are_the_same_in_every_call(roomy: tuple[Service, Calls], length: int) -> None:
    _, calls = roomy
    made = _same("x" * length, f"same-{length}")
    told = calls.outcome(made)
    watched = list(
        calls.executor.WatchExecution(
            task_executor_pb2.WatchExecutionRequest(execution_id=made.execution_id, from_sequence=1), timeout=60
        )
    )
    assert watched[-1].events[-1].outcome == told
    wanted = task_executor_pb2.GetExecutionRequest(execution_id=made.execution_id)
    assert calls.executor.GetExecution(wanted, timeout=60).execution.outcome == told
    # The same id and request attaches; one with other inputs is refused.
    assert calls.outcome(made) == told
    with pytest.raises(grpc.RpcError) as caught:
        calls.outcome(_same("y" * length, made.execution_id))
    assert caught.value.code() == grpc.StatusCode.ALREADY_EXISTS
    several = task_executor_pb2.ExecuteTasksRequest(executions=[made, _same("short")])
    answers = [one for response in calls.executor.ExecuteTasks(iter([several]), timeout=60) for one in response.answers]
    outcomes = {one.request_number: one.events[-1].outcome for one in answers}
    assert outcomes[1] == told
    assert outcomes[2].outputs.literals.literals["o0"].scalar.primitive.string_value == "short"


def test_large_outputs_that_are_left_to_their_uri(roomy: tuple[Service, Calls], tmp_path: Path) -> None:
    _, calls = roomy
    made = _same("x" * 1_000_000)
    made.settings.output_prefix = str(tmp_path)
    assert calls.outcome(made).outputs.HasField("literals")
    made.events.inline_limit_bytes = 500_000
    outcome = calls.outcome(made)
    assert outcome.outputs == execution_pb2.Outputs(uri=f"{tmp_path}/outputs.pb")
    assert outcome.receipt.output_bytes == (tmp_path / "outputs.pb").stat().st_size


def test_memory_of_large_values_is_given_back() -> None:
    made = task_executor_pb2.ExecuteTaskRequest(task=task_executor_pb2.TaskReference(name="large.same"))
    made.literals.literals["text"].scalar.primitive.string_value = "x" * (100 * MIB)
    options = ("--max-message-bytes", "128MiB", "--retain-bytes", "0")
    with Service(TASKS, workers=1, options=options) as running, open_calls(running) as calls:
        # The module itself has large values, so it is imported before.
        assert calls.run("large.same", text="short") == "short"
        processes = [running.pid, idle_worker(calls).pid]
        before = [proc.own_memory_bytes(proc.of(pid)) for pid in processes]
        for _ in range(3):
            assert calls.outcome(made).receipt.worker_executions > 1
        del made

        def grown() -> list[int]:
            return [proc.own_memory_bytes(proc.of(pid)) - was for pid, was in zip(processes, before, strict=True)]

        wait_for(lambda: max(grown()) < 30 * MIB)
        assert running.stop().problems == []


def test_outputs_that_no_client_could_read_are_an_error(by_default: Calls, tmp_path: Path) -> None:
    """Protobuf reads a hundred levels."""
    assert by_default.outcome(request("large.nests_44")).HasField("outputs")
    failed = by_default.outcome(request("large.nests_47"))
    assert failed.error.error.code == "SYSTEM:OutputsTooDeep"
    written = request("large.nests_47")
    written.settings.output_prefix = str(tmp_path)
    assert by_default.outcome(written).outputs == execution_pb2.Outputs(uri=f"{tmp_path}/outputs.pb")
