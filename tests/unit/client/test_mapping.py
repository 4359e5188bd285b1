"""What a map keeps account of: one result for each item, in order or as they come, and no more taken than allowed."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st
from scripted import failure, outputs

from flytewarm import FlytewarmError, InvalidRequest, ResourceExhausted, RunOptions, StreamIncomplete, TaskFailed
from flytewarm.map_progress import text
from flytewarm.mapping import MapState
from flytewarm_api.v1 import execution_pb2, task_executor_pb2, worker_pool_pb2

_FAILURE = failure(execution_pb2.EXECUTION_STATE_FAILED, execution_pb2.ERROR_CAUSE_USER, code="USER:X", message="no")


def _state(**arguments: Any) -> MapState:
    return MapState("m.t", None, return_exceptions=True, **arguments)


def _answer(number: int, event: execution_pb2.Event) -> task_executor_pb2.ExecuteTasksResponse:
    answer = task_executor_pb2.TaskAnswer(request_number=number, events=[event])
    return task_executor_pb2.ExecuteTasksResponse(answers=[answer])


def _refused(number: int) -> task_executor_pb2.ExecuteTasksResponse:
    status = status_pb2.Status(code=3, message="task.name: is bad")
    fault = error_details_pb2.BadRequest.FieldViolation(field="task.name", description="is bad")
    status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[fault]))
    answer = task_executor_pb2.TaskAnswer(request_number=number, refused=status)
    return task_executor_pb2.ExecuteTasksResponse(answers=[answer])


@given(
    kinds=st.lists(st.sampled_from(["value", "failure", "refusal", "unsendable"]), max_size=100),
    concurrency=st.integers(1, 40),
    ordered=st.booleans(),
    order=st.randoms(use_true_random=False),
)
def test_each_item_has_one_result(kinds: list[str], concurrency: int, ordered: bool, order: random.Random) -> None:
    """Whatever becomes of them, in whatever order."""
    state = _state(ordered=ordered, concurrency=concurrency)
    source, sent, results = iter(range(len(kinds))), list[str](), list[Any]()
    unanswered: list[int] = []
    taken = 0
    while not state.finished():
        while state.wants_more and not state.exhausted:
            if (index := next(source, None)) is None:
                state.exhaust()
                break
            state.take({"a": object() if kinds[index] == "unsendable" else index})
            taken += 1
        assert taken - len(results) <= concurrency
        while state.messages:
            for request in state.messages.popleft().executions:
                sent.append(kinds[json.loads(request.inputs_json)["a"]])
                unanswered.append(len(sent))
        if unanswered:
            number = unanswered.pop(order.randrange(len(unanswered)))
            event = outputs(f'{{"o0": {number}}}') if sent[number - 1] == "value" else _FAILURE
            state.receive(_refused(number) if sent[number - 1] == "refusal" else _answer(number, event))
        results += state.results()
    pairs = list(enumerate(results)) if ordered else results
    assert sorted(index for index, _ in pairs) == list(range(len(kinds)))
    expected = {"value": int, "failure": TaskFailed, "refusal": InvalidRequest, "unsendable": TypeError}
    assert all(type(result) is expected[kinds[index]] for index, result in pairs)
    assert (state.given, state.failed) == (len(kinds), len(kinds) - kinds.count("value"))


def test_order() -> None:
    for ordered, expected in ((True, ["a", "b"]), (False, [(1, "b"), (0, "a")])):
        state = _state(ordered=ordered)
        state.take({})
        state.take({})
        state.receive(_answer(2, outputs('{"o0": "b"}')))
        early = list(state.results())
        state.receive(_answer(1, outputs('{"o0": "a"}')))
        assert early + list(state.results()) == expected
        assert len(early) == (not ordered)


def test_which_item_has_failed() -> None:
    state = _state()
    state.take({"a": object()})
    state.take({"a": 1})
    state.take({"a": 2})
    state.receive(_refused(1))
    state.receive(_answer(2, _FAILURE))
    unsendable, refused, failed = state.results()
    assert str(unsendable).startswith("item 0: input a: a value of type object cannot be sent")
    assert (refused.index, refused.violations) == (1, [("task.name", "is bad")])
    assert (failed.index, failed.code) == (2, "USER:X")


@pytest.mark.parametrize("wrong", [7, "text", [("a", 1)], None])
def test_inputs_that_are_no_dict(wrong: Any) -> None:
    state = _state()
    state.take(wrong)
    (error,) = state.results()
    assert str(error) == f"item 0: inputs must be a dict, not {type(wrong).__name__}"


class _Raises:
    """A value whose conversion raises."""

    def model_dump(self) -> dict[str, int]:
        raise RuntimeError("no dump today")


@pytest.mark.parametrize(
    ("value", "told"), [(_Raises(), "RuntimeError: no dump today"), (10**5000, "ValueError: ")], ids=["dump", "digits"]
)
def test_what_conversions_raise_is_the_items(value: Any, told: str) -> None:
    state = MapState("m.t", None, return_exceptions=True)
    state.take({"a": value})
    state.exhaust()
    (error,) = state.results()
    assert isinstance(error, TypeError)
    assert str(error).startswith(f"item 0: {told}")
    assert error.__cause__ is not None
    assert state.finished()


def test_a_failure_is_raised_where_it_is_the_turn() -> None:
    state = MapState("m.t", None)
    for _ in range(2):
        state.take({})
    state.receive(_answer(2, _FAILURE))
    assert list(state.results()) == []
    state.receive(_answer(1, outputs('{"o0": 5}')))
    results = state.results()
    assert next(results) == 5
    with pytest.raises(TaskFailed):
        next(results)


def test_an_end_of_the_call_comes_after_the_results_that_were_there() -> None:
    state = _state()
    state.take({})
    state.take({})
    state.receive(_answer(1, outputs('{"o0": 5}')))
    state.break_off(None)
    assert not state.finished()
    assert list(state.results()) == [5]
    with pytest.raises(StreamIncomplete):
        state.finished()


def test_an_end_of_the_call_after_the_last_answer_is_none_of_the_callers_business() -> None:
    state = _state()
    state.take({})
    state.exhaust()
    state.receive(_answer(1, outputs('{"o0": 5}')))
    state.break_off(FlytewarmError("too late"))
    assert list(state.results()) == [5]
    assert state.finished()


def test_what_the_iterable_raises_comes_last() -> None:
    state = _state()
    state.take({})
    state.exhaust(KeyError("source"))
    assert not state.finished()
    state.receive(_answer(1, outputs("{}")))
    assert list(state.results()) == [None]
    with pytest.raises(KeyError, match="source"):
        state.finished()


def test_the_services_limits() -> None:
    state = _state()
    state.limit(worker_pool_pb2.GetCapabilitiesResponse(max_message_bytes=1000, max_stream_executions=3))
    state.take({"a": "x" * 1000})
    (error,) = state.results()
    assert isinstance(error, ResourceExhausted)
    assert (error.index, "over the service's limit of 1000" in str(error)) == (0, True)
    for _ in range(3):
        assert state.wants_more
        state.take({"a": "x" * 600})
    assert not state.wants_more
    assert all(one.ByteSize() <= 256 << 10 for one in state.messages)


def test_requests_at_hand_travel_together() -> None:
    state = _state(concurrency=100)
    for size in [0] * 40 + [100_000] * 5:
        state.take({"a": "x" * size})
    assert [len(one.executions) for one in state.messages] == [32, 10, 2, 1]


def test_ids_and_prefixes_are_the_items_own() -> None:
    options = RunOptions(execution_id="night", output_prefix="s3://b/o", raw_output_prefix="s3://b/r", timeout=2)
    state = MapState("m.t", options)
    state.take({})
    state.take({})
    _, second = state.messages[0].executions
    assert (second.execution_id, second.settings.output_prefix) == ("night-1", "s3://b/o/1")
    assert (second.settings.raw_output_prefix, second.policy.timeout.seconds) == ("s3://b/r", 2)
    assert second.events.omit_progress


@pytest.mark.parametrize(
    ("options", "concurrency", "message"),
    [
        (RunOptions(on_log=print), None, "neither on_event nor on_log"),
        (RunOptions(on_event=print), None, "neither on_event nor on_log"),
        (None, 0, "concurrency must be at least 1, not 0"),
    ],
)
def test_arguments_that_are_none(options: RunOptions | None, concurrency: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MapState("m.t", options, concurrency=concurrency)


def test_options_of_another_type() -> None:
    wrong: Any = {"a": 1}
    with pytest.raises(TypeError, match="options must be RunOptions, not dict"):
        MapState("m.t", wrong)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((0, 0, None, 0.0), "0 done"),
        ((1200, 0, None, 2.0), "1,200 done, 600/s"),
        ((5, 1, 10, 2.5), "[##########..........] 50 %, 5 of 10, 1 failed, 2/s"),
        ((0, 0, 0, 1.0), "0 of 0, 0/s"),
    ],
)
def test_how_far_it_is(arguments: tuple[int, int, int | None, float], expected: str) -> None:
    assert text(*arguments) == expected
