"""Executions by id: idempotent requests, a bounded memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flytewarm_server.execution import request
from flytewarm_server.execution.execution import Execution
from flytewarm_server.execution.registry import Registry, RequestMismatchError
from flytewarm_server.execution.request import ValidRequest
from flytewarm_server.messages import execution_pb2, task_executor_pb2


def _request(name: str = "", task: str = "m.t", **env: str) -> ValidRequest:
    message = task_executor_pb2.ExecuteTaskRequest(execution_id=name)
    message.task.name = task
    message.settings.env.update(env)
    return ValidRequest(message)


def _registry(retain: int = 10) -> Registry:
    return Registry(retain=retain, retain_bytes=1 << 20, max_log_bytes=1000)


def _finished(registry: Registry, name: str) -> Execution:
    execution = registry.create(_request(name))
    registry.finished(execution)
    return execution


def test_the_same_request_attaches_running_or_finished() -> None:
    registry = _registry()
    assert registry.attach(_request("a")) is None
    execution = registry.create(_request("a"))
    assert registry.attach(_request("a")) is execution
    registry.finished(execution)
    assert registry.attach(_request("a")) is execution


def test_equal_requests_are_equal_in_any_order_of_their_maps() -> None:
    registry = _registry()
    execution = registry.create(_request("a", X="1", Y="2", Z="3"))
    assert registry.attach(_request("a", Z="3", Y="2", X="1")) is execution


@pytest.mark.parametrize(
    "other",
    [
        _request("a", task="m.other"),
        _request("a", X="1"),
        ValidRequest(_request("a").message, command=["pyflyte-execute"]),
        ValidRequest(_request("a").message, dry_run=True),
    ],
    ids=["task", "settings", "command", "dry run"],
)
def test_another_request_with_the_same_id_is_refused(other: ValidRequest) -> None:
    registry = _registry()
    execution = registry.create(_request("a"))
    with pytest.raises(RequestMismatchError, match="'a'"):
        registry.attach(other)
    registry.finished(execution)
    with pytest.raises(RequestMismatchError):
        registry.attach(other)


def _full() -> ValidRequest:
    request = _request("a", X="1")
    request.message.inputs_json = '{"a": 1}'
    request.message.policy.timeout.FromSeconds(5)
    request.message.events.outputs_as_json = True
    return request


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (lambda m: m.task.MergeFrom(task_executor_pb2.TaskReference(name="m.other")), "task"),
        (lambda m: m.settings.env.update(X="secret"), "settings.env"),
        (lambda m: m.settings.map_task.SetInParent(), "settings.map_task"),
        (lambda m: m.policy.timeout.FromSeconds(6), "policy.timeout"),
        (lambda m: m.ClearField("policy"), "policy.timeout"),
        (lambda m: m.events.ClearField("outputs_as_json"), "events.outputs_as_json"),
        (lambda m: m.ClearField("inputs_json"), "inputs"),
        (lambda m: setattr(m, "inputs_json", '{"a": 2}'), "inputs"),
        (lambda m: setattr(m, "inputs_uri", '{"a": 1}'), "inputs"),
        (lambda m: m.literals.SetInParent(), "inputs"),
        (lambda m: m.environment.env.update(Y="secret"), "environment.env"),
    ],
)
async def test_the_fields_that_differ_are_named_without_their_values(
    change: Callable[[task_executor_pb2.ExecuteTaskRequest], object], fields: str, ended: bool
) -> None:
    registry, other = _registry(), _full()
    execution = registry.create(_full())
    if ended:
        execution.starting()
        execution.running("w", warm=True)
        execution.finish(execution_pb2.Outcome(state=execution_pb2.EXECUTION_STATE_SUCCEEDED), "w")
        registry.finished(execution)
    assert registry.attach(_full()) is execution
    change(other.message)
    with pytest.raises(RequestMismatchError, match=rf"belongs to a different request, in {fields}: watch it") as caught:
        registry.attach(other)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("ended", [False, True])
async def test_literals_are_equal_in_any_order_and_also_when_they_are_none(ended: bool) -> None:
    pairs = [_pair(b"a"), _pair(b"b")]
    registry = _registry()
    for name, first, again in (("map", pairs, pairs[::-1]), ("none", [_NO_ENTRY], [_NO_ENTRY])):
        execution = registry.create(_with_literals(name, first))
        if ended:
            execution.starting()
            execution.running("w", warm=True)
            execution.finish(execution_pb2.Outcome(state=execution_pb2.EXECUTION_STATE_SUCCEEDED), "w")
        assert registry.attach(_with_literals(name, again)) is execution
        with pytest.raises(RequestMismatchError, match="in inputs"):
            registry.attach(_with_literals(name, [_pair(b"c")]))


async def test_a_large_map_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may take forty times its bytes; equal is what has the same ones."""
    monkeypatch.setattr(request, "_LARGEST_ORDERED", 9)
    pairs = [_pair(b"a"), _pair(b"b")]
    registry = _registry()
    execution = registry.create(_with_literals("map", pairs))
    assert registry.attach(_with_literals("map", pairs)) is execution
    with pytest.raises(RequestMismatchError, match="in inputs"):
        registry.attach(_with_literals("map", pairs[::-1]))


# An entry that says to be longer than it is.
_NO_ENTRY = b"\x0a\x02\x0a\x7f"


def _pair(key: bytes) -> bytes:
    """An entry of a LiteralMap on the wire, without a value."""
    return b"\x0a\x03\x0a\x01" + key


def _with_literals(name: str, parts: list[bytes]) -> ValidRequest:
    message = _request(name).message
    content = b"".join(parts)
    # The field `literals`, as the server gets it.
    message.MergeFromString(b"\x2a" + bytes([len(content)]) + content)
    return ValidRequest(message)


def test_what_is_streamed_is_each_callers_own() -> None:
    registry, other = _registry(), _full()
    execution = registry.create(_full())
    events = other.message.events
    events.omit_logs = events.omit_decks = events.omit_metrics = True
    assert registry.attach(other) is execution


def test_requests_without_an_id_are_always_new() -> None:
    registry = _registry()
    first, second = registry.create(_request()), registry.create(_request())
    assert first.id != second.id
    assert len(first.id) >= 16
    assert registry.attach(_request()) is None
    assert registry.get(first.id) is first


def test_the_oldest_finished_executions_are_forgotten() -> None:
    registry = _registry(retain=2)
    running = registry.create(_request("running"))
    one, two, three = (_finished(registry, name) for name in ("one", "two", "three"))
    assert registry.get(one.id) is None
    assert registry.get(two.id) is two
    assert registry.get(three.id) is three
    # What runs is never forgotten.
    assert registry.get("running") is running
    assert registry.running() == [running]
    assert registry.attach(_request("one", task="m.other")) is None


def test_a_memory_of_nothing() -> None:
    registry = _registry(retain=0)
    execution = registry.create(_request("a"))
    assert registry.get("a") is execution
    registry.finished(execution)
    assert registry.get("a") is None
    assert registry.running() == []


def test_what_was_not_accepted_is_forgotten() -> None:
    registry = _registry()
    execution = registry.create(_request("a"))
    registry.discard(execution)
    registry.discard(execution)
    assert registry.get("a") is None
    assert registry.attach(_request("a", task="m.other")) is None
