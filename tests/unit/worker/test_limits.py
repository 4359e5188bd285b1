"""What is too large for a message goes by URI, is cut, or becomes an error."""

from __future__ import annotations

import pytest
from flyteidl.core import dynamic_job_pb2, errors_pb2, literals_pb2

from flytewarm_api.v1 import execution_pb2, task_executor_pb2
from flytewarm_worker.limits import Limits

ROOM = 100_000


def _literals(size: int) -> literals_pb2.LiteralMap:
    literal = literals_pb2.Literal()
    literal.scalar.primitive.string_value = "x" * size
    return literals_pb2.LiteralMap(literals={"o0": literal})


def _outputs(size: int, uri: str = "") -> execution_pb2.Outcome:
    return execution_pb2.Outcome(
        state=execution_pb2.EXECUTION_STATE_SUCCEEDED,
        outputs=execution_pb2.Outputs(literals=_literals(size), json="x" * size, uri=uri),
    )


def _error(message: str) -> execution_pb2.Outcome:
    error = execution_pb2.TaskError(error=errors_pb2.ContainerError(message=message))
    return execution_pb2.Outcome(state=execution_pb2.EXECUTION_STATE_FAILED, error=error)


def test_what_fits_is_left_alone() -> None:
    outcome = _outputs(1000, uri="s3://o")
    before = outcome.SerializeToString()
    Limits(0, ROOM).fit_outcome(outcome)
    assert outcome.SerializeToString() == before


@pytest.mark.parametrize(("inline_limit", "size"), [(0, ROOM), (500, 500), (ROOM * 10, ROOM)])
def test_large_outputs_are_left_to_their_uri(inline_limit: int, size: int) -> None:
    outcome = _outputs(size, uri="s3://o")
    Limits(inline_limit, ROOM).fit_outcome(outcome)
    assert outcome == execution_pb2.Outcome(
        state=execution_pb2.EXECUTION_STATE_SUCCEEDED, outputs=execution_pb2.Outputs(uri="s3://o")
    )


def test_large_futures_are_left_to_their_uri() -> None:
    spec = dynamic_job_pb2.DynamicJobSpec(min_successes=1)
    spec.outputs.add(var="x" * ROOM)
    outcome = execution_pb2.Outcome(futures=execution_pb2.Futures(spec=spec, uri="s3://f"))
    Limits(0, ROOM).fit_outcome(outcome)
    assert outcome.futures == execution_pb2.Futures(uri="s3://f")


def test_large_outputs_without_a_place_are_an_error() -> None:
    outcome = _outputs(ROOM)
    outcome.receipt.run_ns = 7
    Limits(0, ROOM).fit_outcome(outcome)
    assert outcome.state == execution_pb2.EXECUTION_STATE_FAILED
    assert outcome.error.cause == execution_pb2.ERROR_CAUSE_SYSTEM
    error = outcome.error.error
    assert (error.code, error.kind) == ("SYSTEM:OutputsTooLarge", errors_pb2.ContainerError.NON_RECOVERABLE)
    assert "--max-message-bytes" in error.message
    assert outcome.receipt.run_ns == 7
    assert outcome.ByteSize() < ROOM


@pytest.mark.parametrize("letter", ["x", "é", "\U0001f600"])
@pytest.mark.parametrize("room", [0, 500, 2000, ROOM])
def test_long_error_messages_are_cut_in_the_middle(letter: str, room: int) -> None:
    outcome = _error("begin" + letter * ROOM + "end")
    Limits(0, room).fit_outcome(outcome)
    assert "characters left out" in outcome.error.error.message
    assert outcome.ByteSize() <= max(room, 200)
    if room == ROOM:
        assert outcome.error.error.message.startswith("begin")
        assert outcome.error.error.message.endswith("end")


def test_error_messages_that_fit_are_whole_whatever_the_inline_limit() -> None:
    outcome = _error("x" * 10_000)
    Limits(5, ROOM).fit_outcome(outcome)
    assert outcome.error.error.message == "x" * 10_000


def test_the_reason_for_ignored_outputs_is_told_whatever_the_inline_limit() -> None:
    outcome = execution_pb2.Outcome(ignored=execution_pb2.IgnoredOutputs(reason="a reason of many words"))
    Limits(5, ROOM).fit_outcome(outcome)
    assert outcome.ignored.reason == "a reason of many words"
    outcome.ignored.reason = "x" * 2 * ROOM
    Limits(5, ROOM).fit_outcome(outcome)
    assert "characters left out" in outcome.ignored.reason
    assert outcome.ByteSize() < ROOM


def _nested(levels: int) -> execution_pb2.Outcome:
    literal = literals_pb2.Literal()
    literal.scalar.primitive.integer = 1
    for _ in range(levels):
        literal = literals_pb2.Literal(collection=literals_pb2.LiteralCollection(literals=[literal]))
    outputs = execution_pb2.Outputs(literals=literals_pb2.LiteralMap(literals={"o0": literal}))
    return execution_pb2.Outcome(state=execution_pb2.EXECUTION_STATE_SUCCEEDED, outputs=outputs)


def test_outputs_are_as_deep_as_clients_can_read() -> None:
    """In the deepest message that has outputs."""
    told = []
    for levels in range(48):
        outcome = _nested(levels)
        Limits(0, ROOM).fit_outcome(outcome)
        told.append(outcome.error.error.code)
        if outcome.HasField("outputs"):
            message = task_executor_pb2.ExecuteTasksResponse()
            message.answers.add().events.add().outcome.CopyFrom(outcome)
            assert message.FromString(message.SerializeToString()) == message
    deepest = told.index("SYSTEM:OutputsTooDeep")
    assert deepest > 40
    assert set(told[:deepest]) == {""}
    assert set(told[deepest:]) == {"SYSTEM:OutputsTooDeep"}


def test_large_decks() -> None:
    limits = Limits(100, ROOM)
    fitting = execution_pb2.DeckContent(html="<p>", uri="s3://d")
    limits.fit_deck(fitting)
    assert fitting.html == "<p>"
    elsewhere = execution_pb2.DeckContent(name="deck.html", html="x" * 200, uri="s3://d", final=True)
    limits.fit_deck(elsewhere)
    assert elsewhere == execution_pb2.DeckContent(name="deck.html", uri="s3://d", final=True)
    nowhere = execution_pb2.DeckContent(html="x" * 2 * ROOM)
    limits.fit_deck(nowhere)
    assert f"has {2 * ROOM} characters" in nowhere.html
