"""Whatever arrives at ExecuteTask gets an outcome or the right status, and the service goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2
from hypothesis import given
from hypothesis import strategies as st
from messages import Maker, fuzzing

from calls import Calls, details, request
from flytewarm_api.v1 import task_executor_pb2
from flytewarm_server import messages as served
from showcase.service import Service

TASKS = Path(__file__).parent.parent / "integration" / "tasks"
METHOD = "/flytewarm_api.v1.TaskExecutor/ExecuteTask"
# An answer that takes this long, in seconds, is one that does not come.
_HANGS_AFTER = 60
# Each would be an interpreter of its own; tests of environments have their own faults.
_LEFT_OUT = frozenset({"flytewarm_api.v1.ExecuteTaskRequest.environment"})
_WORDS = (
    *("", "basic.add", "basic.greet", "basic", "add", "task-module", "task-name", "a", "b", "name", "id-1", "id-2"),
    *("flytekit.core.python_auto_container.default_task_resolver", "pyflyte-execute", "--inputs", "--output-prefix"),
    *("--resolver", "--", "--test", "{}", '{"a": 1, "b": 2}', "[]", "null", "1e999", "file:", "s3:", "memory:", ".."),
    *("FLYTE_INTERNAL_EXECUTION_ID", "BATCH_JOB_ARRAY_INDEX_VAR_NAME", "FLYTE_SDK_LOGGING_LEVEL", "PYTHONPATH", "0"),
)
_STATUSES = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNIMPLEMENTED,
    # The same id with another request.
    grpc.StatusCode.ALREADY_EXISTS,
}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service(TASKS, workers=2, preload="basic", options=("--cancel-grace", "0.1")) as running:
        yield running
        assert running.stop().problems == [], running.log


def _request(seed: int) -> bytes:
    maker = Maker(seed, _WORDS, _LEFT_OUT)
    made = maker.message(task_executor_pb2.ExecuteTaskRequest)
    if maker.random.random() < 0.5:
        # One that is valid, but for what was made.
        valid = request("basic.add", a=1, b=2)
        valid.MergeFrom(made)
        made = valid
    if made.policy.timeout.ToNanoseconds() <= 0:
        made.policy.timeout.FromSeconds(2)
    data = made.SerializeToString()
    return maker.damaged(data) if maker.random.random() < 0.2 else data


def test_every_request_is_answered(service: Service, full: bool, capsys: pytest.CaptureFixture[str]) -> None:
    answers: Counter[str] = Counter()

    @fuzzing(100_000 if full else 500, full=full)
    @given(st.integers(0, 1 << 63))
    def check(seed: int) -> None:
        answers[_answer(calls, _request(seed))] += 1

    with Calls(grpc.insecure_channel(service.target)) as calls:
        check()
        with capsys.disabled():
            print(f"\n{answers.total()} requests: {dict(answers)}")
        assert calls.run("basic.add", a=1, b=2) == 3
    assert answers["OK"]
    assert answers["INVALID_ARGUMENT"]


def _answer(calls: Calls, data: bytes) -> str:
    """The status, which must fit the request."""
    parsed = _parsed(data)
    call = calls.channel.unary_stream(METHOD, bytes, task_executor_pb2.ExecuteTaskResponse.FromString)
    try:
        events = [event for message in call(data, timeout=_HANGS_AFTER) for event in message.events]
    except grpc.RpcError as error:
        _check_status(error, parsed)
        return str(error.code().name)
    assert [event.HasField("outcome") for event in events].index(True) == len(events) - 1
    assert parsed is not None
    if not _is_readable(data):
        # Literals are bytes to the service; the worker says what is wrong with them.
        assert not events[-1].outcome.HasField("outputs"), events[-1]
    return "OK"


def _check_status(error: grpc.RpcError, parsed: Message | None) -> None:
    assert error.code() in _STATUSES, (error.code(), error.details(), parsed)
    if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
        bad = [one for one in details(error) if isinstance(one, error_details_pb2.BadRequest)]
        faults = [(fault.field, fault.description) for one in bad for fault in one.field_violations]
        assert faults
        assert all(map(all, faults))
    else:
        assert parsed is not None


def _parsed(data: bytes) -> Message | None:
    """As the service reads it, which does not look into literals."""
    try:
        return served.task_executor_pb2.ExecuteTaskRequest.FromString(data)
    except DecodeError:
        return None


def _is_readable(data: bytes) -> bool:
    try:
        task_executor_pb2.ExecuteTaskRequest.FromString(data)
    except DecodeError:
        return False
    return True
