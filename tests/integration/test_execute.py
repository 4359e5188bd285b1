"""ExecuteTask on a real service: what goes in, what comes out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flyteidl.core import dynamic_job_pb2, errors_pb2, literals_pb2
from flytekit.exceptions.user import FlyteRecoverableException, FlyteUserRuntimeException
from google.protobuf.timestamp_pb2 import Timestamp

from calls import Calls, request
from conftest import TASKS, open_calls
from flytewarm_api.v1 import execution_pb2, task_executor_pb2
from showcase.service import Service

# flytekit has changed its mind about this code.
_RECOVERABLE_CODE = FlyteUserRuntimeException(FlyteRecoverableException("try again")).error_code
DEFAULT_RESOLVER = "flytekit.core.python_auto_container.default_task_resolver"


def _literals(**values: int) -> literals_pb2.LiteralMap:
    made = literals_pb2.LiteralMap()
    for name, value in values.items():
        made.literals[name].scalar.primitive.integer = value
    return made


def _add() -> task_executor_pb2.ExecuteTaskRequest:
    return task_executor_pb2.ExecuteTaskRequest(task=task_executor_pb2.TaskReference(name="basic.add"))


def test_inline_literals(calls: Calls) -> None:
    made = _add()
    made.literals.CopyFrom(_literals(a=2, b=40))
    assert calls.outcome(made).outputs.literals == _literals(o0=42)


def test_inputs_by_uri(calls: Calls, tmp_path: Path) -> None:
    (tmp_path / "inputs.pb").write_bytes(_literals(a=1, b=2).SerializeToString())
    made = _add()
    made.inputs_uri = str(tmp_path / "inputs.pb")
    outcome = calls.outcome(made)
    assert outcome.outputs.literals == _literals(o0=3)
    assert outcome.receipt.download_ns > 0


def test_resolver_and_loader_arguments(calls: Calls) -> None:
    made = request("basic.add", a=1, b=1)
    made.task.Clear()
    made.task.resolver = DEFAULT_RESOLVER
    made.task.loader_args.extend(["task-module", "basic", "task-name", "add"])
    assert calls.outcome(made).outputs.literals == _literals(o0=2)


def test_json_takes_defaults_and_gives_names(calls: Calls) -> None:
    assert calls.run("basic.greet", name="you") == "hello you hello you"
    assert calls.run("basic.two") == {"count": 2, "label": "two"}
    assert calls.run("probes.maybe") == "None"
    assert calls.run("probes.maybe", value=3) == "3"


def test_a_task_without_outputs(calls: Calls) -> None:
    outcome = calls.outcome(request("basic.nothing"))
    assert outcome.state == execution_pb2.EXECUTION_STATE_SUCCEEDED
    assert outcome.HasField("outputs")
    assert outcome.outputs.json == "{}"


def test_a_container_command_writes_the_entrypoints_files(calls: Calls, tmp_path: Path) -> None:
    (tmp_path / "inputs.pb").write_bytes(_literals(a=1, b=2).SerializeToString())
    prefix = tmp_path / "out"
    command = ["pyflyte-execute", "--inputs", str(tmp_path / "inputs.pb"), "--output-prefix", str(prefix)]
    command += ["--raw-output-data-prefix", str(tmp_path / "raw"), "--checkpoint-path", str(tmp_path / "new")]
    command += ["--prev-checkpoint", '""', "--resolver", DEFAULT_RESOLVER, "--"]
    command += ["task-module", "basic", "task-name", "add"]
    outcome = calls.outcome(task_executor_pb2.ExecuteTaskRequest(command={"args": command}))
    assert outcome.outputs.uri == f"{prefix}/outputs.pb"
    assert literals_pb2.LiteralMap.FromString((prefix / "outputs.pb").read_bytes()) == _literals(o0=3)


def test_a_dry_run_runs_nothing(calls: Calls, tmp_path: Path) -> None:
    command = ["pyflyte-execute", "--test", "--inputs", "/none", "--output-prefix", str(tmp_path / "out")]
    command += ["--resolver", DEFAULT_RESOLVER, "--", "task-module", "basic", "task-name", "add"]
    outcome = calls.outcome(task_executor_pb2.ExecuteTaskRequest(command={"args": command}))
    assert outcome.HasField("ignored")
    assert list(tmp_path.iterdir()) == []


def test_settings_reach_the_context(calls: Calls, tmp_path: Path) -> None:
    made = request("probes.context")
    settings = made.settings
    settings.execution.project, settings.execution.domain, settings.execution.name = "p", "d", "e"
    settings.task.project, settings.task.domain, settings.task.name, settings.task.version = "tp", "td", "tn", "v7"
    settings.execution_date.CopyFrom(Timestamp(seconds=1_700_000_000))
    settings.raw_output_prefix = str(tmp_path / "raw")
    settings.output_prefix = str(tmp_path / "out")
    settings.checkpoint.destination, settings.checkpoint.source = str(tmp_path / "new"), str(tmp_path / "old")
    settings.serialization.env["KEY"] = "value"
    image = settings.serialization.image_config.default_image
    image.name, image.fqn, image.tag = "default", "example/image", "1"
    fast = settings.serialization.fast_serialization
    fast.enabled, fast.destination_dir, fast.distribution_location = True, "/dest", "s3://bucket/code.tar.gz"
    seen = json.loads(json.loads(calls.outcome(made).outputs.json)["o0"])
    assert seen == {
        "execution": ["p", "d", "e"],
        "task": ["tp", "td", "tn", "v7"],
        "date": "2023-11-14T22:13:20+00:00",
        "raw_output_prefix": str(tmp_path / "raw"),
        "output_prefix": str(tmp_path / "out"),
        "working_directory_exists": True,
        "checkpoint": [str(tmp_path / "new"), str(tmp_path / "old")],
        "project": "p",
        "domain": "d",
        "version": "v7",
        "env": {"KEY": "value"},
        "image": "example/image:1",
        "fast": [True, "/dest", "s3://bucket/code.tar.gz"],
    }


def test_environment_variables_are_this_executions_only(calls: Calls) -> None:
    made = request("probes.process")
    made.settings.env["FLYTEWARM_TEST_ONLY"] = "here"
    made.settings.execution.name = "named"
    environ = _report(calls, made)["environ"]
    assert environ["FLYTEWARM_TEST_ONLY"] == "here"
    assert environ["FLYTE_INTERNAL_EXECUTION_ID"] == "named"
    for _ in range(4):  # both workers
        assert "FLYTEWARM_TEST_ONLY" not in _report(calls, request("probes.process"))["environ"]


def test_the_process_is_restored_after_a_messy_task(calls: Calls) -> None:
    def clean(report: dict[str, object]) -> dict[str, object]:
        environ = dict(report["environ"], TMPDIR="")  # type: ignore[arg-type]  # a dict in the report
        path = list(report["path"])[:-1]  # type: ignore[call-overload]  # without the execution's own directory
        return {**report, "environ": environ, "tempdir": "", "cwd": "", "path": path}

    before = clean(_report(calls, request("probes.process")))
    for _ in range(4):
        calls.run("probes.litter", name="LEFT")
        assert clean(_report(calls, request("probes.process"))) == before


def test_a_worker_whose_descriptors_were_closed_is_replaced(calls: Calls) -> None:
    for _ in range(3):
        calls.outcome(request("probes.closes_descriptors"))
        assert calls.run("basic.add", a=1, b=2) == 3


def test_a_stdout_that_a_task_replaced_is_not_the_next_ones(
    own_service: Callable[..., Service], tmp_path: Path
) -> None:
    with open_calls(own_service()) as calls:
        calls.run("probes.redirects", path=str(tmp_path / "mine.txt"))
        text = _texts(calls.events(request("probes.prints", text="of the next")))
    assert text[execution_pb2.LOG_STREAM_STDOUT] == "of the next\n"
    assert (tmp_path / "mine.txt").read_text() == "mine\n"


def test_what_a_task_left_in_a_buffer_is_its_own(own_service: Callable[..., Service]) -> None:
    with open_calls(own_service()) as calls:
        first = _texts(calls.events(request("probes.buffers")))
        second = _texts(calls.events(request("probes.prints", text="second")))
    assert first[execution_pb2.LOG_STREAM_STDOUT] == "unfinished"
    assert second[execution_pb2.LOG_STREAM_STDOUT] == "second\n"


def test_a_thread_that_stays_is_not_heard_in_the_next_execution(
    own_service: Callable[..., Service], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "barrier")
    with open_calls(own_service()) as calls:
        first = calls.outcome(request("probes.late_thread", fifo=str(tmp_path / "barrier"))).receipt.worker
        events = calls.events(request("probes.prints", text="alone"))
    assert events[-1].outcome.receipt.worker != first
    assert _texts(events)[execution_pb2.LOG_STREAM_STDOUT] == "alone\n"


def test_threads_of_a_task_may_emit_at_once(calls: Calls) -> None:
    events = calls.events(request("probes.many_threads_emit", size=50_000))
    assert events[-1].outcome.HasField("outputs"), events[-1].outcome
    assert len([event for event in events if event.HasField("metric")]) == 8


def test_relative_files_are_each_executions_own(calls: Calls, tmp_path: Path) -> None:
    def run(number: int) -> bool:
        made = request("probes.same_file", text=f"{number:04}" * 500)
        made.settings.raw_output_prefix = str(tmp_path / str(number))
        return Path(json.loads(calls.outcome(made).outputs.json)["o0"]).read_text() == f"{number:04}" * 500

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, range(40)))
    assert not (TASKS / "out.txt").exists()


def test_a_child_that_returns_into_the_worker_ends(calls: Calls) -> None:
    assert [calls.run("probes.forks") for _ in range(3)] == ["parent"] * 3


def test_logs_of_python_descriptors_and_subprocesses(calls: Calls) -> None:
    text = _texts(calls.events(request("basic.noisy", lines=2)))
    assert text[execution_pb2.LOG_STREAM_STDOUT] == "out 0\nout 1\nfrom a descriptor\nfrom a subprocess\n"
    assert text[execution_pb2.LOG_STREAM_STDERR] == "err 0\nerr 1\n"


def test_logs_can_be_left_out(calls: Calls) -> None:
    made = request("basic.noisy", lines=2)
    made.events.omit_logs, made.execution_id = True, "quiet"
    assert [event.WhichOneof("kind") for event in calls.events(made)] == ["queued", "started", "outcome"]
    # Who watches, or asks again with another wish, has them.
    watched = calls.executor.WatchExecution(task_executor_pb2.WatchExecutionRequest(execution_id="quiet"))
    made.events.omit_logs = False
    events = [event for message in watched for event in message.events]
    assert "out 0" in _texts(events)[execution_pb2.LOG_STREAM_STDOUT]
    assert calls.events(made) == events


def test_a_quick_task_costs_one_message(calls: Calls) -> None:
    counts = []
    for _ in range(10):
        messages = calls.messages(request("basic.add", a=1, b=2))
        events = [event for message in messages for event in message.events]
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert [event.WhichOneof("kind") for event in events] == ["queued", "started", "outcome"]
        counts.append(len(messages))
    assert min(counts) == 1


def test_decks_live_and_final(calls: Calls, tmp_path: Path) -> None:
    made = request("probes.decked", publish=True)
    made.settings.output_prefix = str(tmp_path)
    decks = [event.deck for event in calls.events(made) if event.HasField("deck")]
    assert [deck.final for deck in decks] == [False, True]
    assert "first words" in decks[0].html
    assert "last words" not in decks[0].html
    assert "last words" in decks[1].html
    assert decks[1].uri == f"{tmp_path}/deck.html"
    assert (tmp_path / "deck.html").read_text() == decks[1].html


def test_a_published_deck_arrives_while_the_task_runs_and_is_kept_when_it_fails(calls: Calls, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "barrier")
    made = request("probes.deck_and_wait", fifo=str(tmp_path / "barrier"))
    made.settings.output_prefix = str(tmp_path)
    stream = calls.executor.ExecuteTask(made, timeout=60)
    events = (event for message in stream for event in message.events)
    live = next(event.deck for event in events if event.HasField("deck"))
    assert "so far" in live.html
    assert not live.final
    assert (tmp_path / "deck.html").read_text() == live.html
    (tmp_path / "barrier").write_text("<p>the rest</p>")
    *rest, last = events
    assert last.outcome.HasField("error")
    (final,) = [event.deck for event in rest if event.HasField("deck")]
    assert final.final
    assert "the rest" in final.html
    assert (tmp_path / "deck.html").read_text() == final.html


def test_decks_without_a_prefix_are_streamed_and_can_be_switched_off(calls: Calls) -> None:
    made = request("probes.decked", publish=False)
    decks = [event.deck for event in calls.events(made) if event.HasField("deck")]
    assert [(deck.final, deck.uri) for deck in decks] == [(True, "")]
    made.settings.deck.enabled = False
    assert not any(event.HasField("deck") for event in calls.events(made))


def test_metrics(calls: Calls) -> None:
    metrics = [event.metric for event in calls.events(request("probes.measured")) if event.HasField("metric")]
    seen = [(metric.name.rpartition(".")[2], metric.value, metric.kind) for metric in metrics]
    assert seen == [
        ("count", 3, execution_pb2.METRIC_KIND_COUNTER),
        ("level", 2.5, execution_pb2.METRIC_KIND_GAUGE),
        ("took", 12, execution_pb2.METRIC_KIND_TIMING),
    ]
    assert metrics[2].tags["step"] == "one"


def test_futures_of_a_dynamic_task(calls: Calls, tmp_path: Path) -> None:
    made = request("probes.fan", count=3)
    made.settings.output_prefix = str(tmp_path)
    made.settings.task.version = "v1"
    image = made.settings.serialization.image_config.default_image
    image.name, image.fqn, image.tag = "default", "example/image", "1"
    outcome = calls.outcome(made)
    assert len(outcome.futures.spec.nodes) == 3
    written = dynamic_job_pb2.DynamicJobSpec.FromString((tmp_path / "futures.pb").read_bytes())
    assert written == outcome.futures.spec


def test_a_dynamic_task_is_compiled_for_each_execution(calls: Calls) -> None:
    for count in (3, 1, 2):
        made = request("probes.fan_of_launch_plans", count=count)
        made.settings.task.version = "v1"
        image = made.settings.serialization.image_config.default_image
        image.name, image.fqn, image.tag = "default", "example/image", "1"
        # Twice, so that every one of the two workers compiles a second time.
        for _ in range(2):
            outcome = calls.outcome(made)
            assert len(outcome.futures.spec.nodes) == count, outcome


def test_ignored_outputs_write_nothing(calls: Calls, tmp_path: Path) -> None:
    made = request("probes.ignored")
    made.settings.output_prefix = str(tmp_path / "out")
    outcome = calls.outcome(made)
    assert outcome.state == execution_pb2.EXECUTION_STATE_SUCCEEDED
    assert outcome.ignored.reason == "not the leader"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "inputs", "code", "cause", "kind", "words"),
    [
        ("basic.fail", {"message": "no luck"}, "USER:RuntimeError", "USER", "NON_RECOVERABLE", "ValueError: no luck"),
        ("probes.recoverable", {}, _RECOVERABLE_CODE, "USER_RECOVERABLE", "RECOVERABLE", "try again"),
        ("probes.leaves", {}, "USER:SystemExit", "USER", "NON_RECOVERABLE", "SystemExit: 3"),
        ("probes.wrong_type", {}, "SYSTEM", "SYSTEM", "NON_RECOVERABLE", "Failed to convert outputs"),
        ("basic.add", {"a": 1}, "SYSTEM", "INPUTS", "NON_RECOVERABLE", "input 'b'"),
        ("basic.add", {"a": 1, "b": "x"}, "SYSTEM", "INPUTS", "NON_RECOVERABLE", "input 'b': expected an integer"),
        ("basic.add", {"a": 1, "b": 2, "c": 3}, "SYSTEM", "INPUTS", "NON_RECOVERABLE", "unknown inputs ['c']"),
        ("basic.no_such_task", {}, "USER:RuntimeError", "USER", "NON_RECOVERABLE", "no_such_task"),
        ("os.path", {}, "USER:RuntimeError", "USER", "NON_RECOVERABLE", "not a task"),
        ("no_such_module.task", {}, "USER:RuntimeError", "USER", "NON_RECOVERABLE", "no_such_module"),
    ],
)
def test_failures_are_outcomes_with_documents(
    calls: Calls, tmp_path: Path, name: str, inputs: dict[str, object], code: str, cause: str, kind: str, words: str
) -> None:
    made = request(name, **inputs)
    made.settings.output_prefix = str(tmp_path)
    outcome = calls.outcome(made)
    assert outcome.state == execution_pb2.EXECUTION_STATE_FAILED
    assert outcome.error.cause == execution_pb2.ErrorCause.Value(f"ERROR_CAUSE_{cause}")
    assert outcome.error.error.code == code
    assert outcome.error.error.kind == errors_pb2.ContainerError.Kind.Value(kind)
    assert words in outcome.error.error.message
    assert outcome.error.uri == f"{tmp_path}/error.pb"
    written = errors_pb2.ErrorDocument.FromString((tmp_path / "error.pb").read_bytes())
    assert written.error == outcome.error.error
    assert calls.run("basic.add", a=1, b=1) == 2


@pytest.mark.parametrize("content", [None, b"\xff\xff"])
def test_inputs_that_cannot_be_read(calls: Calls, tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "inputs.pb").write_bytes(content)
    made = _add()
    made.inputs_uri = str(tmp_path / "inputs.pb")
    assert calls.outcome(made).error.cause == execution_pb2.ERROR_CAUSE_INPUTS


def test_inputs_that_have_no_value_in_python(calls: Calls) -> None:
    made = _add()
    made.literals.literals["a"].scalar.primitive.datetime.seconds = 10**15
    outcome = calls.outcome(made)
    assert outcome.error.cause == execution_pb2.ERROR_CAUSE_INPUTS
    assert outcome.receipt.run_ns == 0


def test_dictionaries_of_json_keep_their_order(calls: Calls) -> None:
    names = ["zeta", "alpha", "mid", "beta", "x", "y", ""]
    assert calls.run("basic.names_of", numbers=dict.fromkeys(names, 1)) == names


def test_map_task_settings_for_an_ordinary_task(calls: Calls) -> None:
    made = request("basic.add", a=1, b=2)
    made.settings.map_task.index = 0
    assert "needs the resolver of a map task" in calls.outcome(made).error.error.message


def test_the_receipt_adds_up(calls: Calls) -> None:
    receipt = calls.outcome(request("basic.sleep", seconds=0.2)).receipt
    phases = receipt.load_ns + receipt.convert_ns + receipt.run_ns + receipt.convert_back_ns
    assert receipt.run_ns > 190_000_000
    assert phases <= receipt.worker_ns
    assert receipt.peak_memory_bytes > 10 << 20
    assert receipt.input_bytes > 0
    assert receipt.output_bytes > 0
    assert receipt.worker
    assert receipt.worker_executions >= 1
    assert receipt.environment


def test_peak_memory_is_each_executions_own(own_service: Callable[..., Service]) -> None:
    with open_calls(own_service()) as calls:
        small = calls.outcome(request("basic.add", a=1, b=2)).receipt.peak_memory_bytes
        large = calls.outcome(request("probes.allocates", megabytes=300)).receipt.peak_memory_bytes
        again = calls.outcome(request("basic.add", a=1, b=2)).receipt.peak_memory_bytes
    assert large - small > 250 << 20
    assert again - small < 50 << 20


def test_files_are_uploaded_and_sandboxes_deleted(calls: Calls, tmp_path: Path) -> None:
    made = request("probes.write_text", text="kept")
    made.settings.raw_output_prefix = str(tmp_path)
    uri = json.loads(calls.outcome(made).outputs.json)["o0"]
    assert uri.startswith(str(tmp_path))
    assert Path(uri).read_text() == "kept"


def test_large_outputs_are_given_by_uri(calls: Calls, tmp_path: Path) -> None:
    made = request("probes.long_text", length=5000)
    made.events.outputs_as_json = False
    made.events.inline_limit_bytes = 1000
    made.settings.output_prefix = str(tmp_path)
    outcome = calls.outcome(made)
    assert not outcome.outputs.HasField("literals")
    assert Path(outcome.outputs.uri).stat().st_size > 5000


def test_modules_are_imported_as_the_entrypoint_imports_them(own_service: Callable[..., Service]) -> None:
    # flytekit refuses a task that only raises when it is declared outside an execution.
    service = own_service(preload="basic")
    with open_calls(service) as calls:
        assert calls.outcome(request("basic.fail", message="declared")).error.error.code == "USER:RuntimeError"
        named = task_executor_pb2.TaskReference(name="basic.fail")
        described = calls.executor.DescribeTask(task_executor_pb2.DescribeTaskRequest(task=named))
        assert described.name == "basic.fail"


def test_describe(calls: Calls) -> None:
    described = calls.executor.DescribeTask(
        task_executor_pb2.DescribeTaskRequest(task=task_executor_pb2.TaskReference(name="basic.greet"))
    )
    assert described.name == "basic.greet"
    assert [(one.name, one.python_type, one.required, one.default_json) for one in described.inputs] == [
        ("name", "str", True, ""),
        ("times", "int", False, "2"),
    ]
    assert set(described.interface.outputs.variables) == {"o0"}


def _report(calls: Calls, made: task_executor_pb2.ExecuteTaskRequest) -> dict[str, object]:
    outputs = json.loads(calls.outcome(made).outputs.json)
    return dict(json.loads(outputs["report"]))


def _texts(events: list[execution_pb2.Event]) -> dict[int, str]:
    texts: dict[int, str] = {}
    for event in events:
        if event.HasField("log"):
            texts[event.log.stream] = texts.get(event.log.stream, "") + event.log.text
    return texts
