"""Events that fit into a message: large values are given by URI, or their loss is told."""

from __future__ import annotations

from collections.abc import Iterable

from flyteidl.core import errors_pb2, literals_pb2
from flyteidl.core import execution_pb2 as flyte_execution_pb2
from google.protobuf.message import DecodeError, EncodeError, Message

from flytewarm_api.v1 import execution_pb2, task_executor_pb2

# What the message needs beside the value itself: receipt, ids, the other events of the batch. In bytes.
_MARGIN = 1024
# An error message keeps this part of its room at its start and its end: both tell something, the middle little.
_CUT_MARK = "\n... {} characters left out ...\n"

_LONGEST_CODE = 1 << 10
_LONGEST_DOCUMENTATION = 64 << 10

_MOST_BYTES_OF_A_CHARACTER = 4
# Of a message's three fields, in bytes, and more.
_KEYS_AND_LENGTHS = 64


class Limits:
    """Fits events into the limits of a request and of the service."""

    def __init__(
        self, inline_limit: int, max_event_bytes: int, max_error_bytes: int = 0, max_deck_bytes: int | None = None
    ) -> None:
        """`inline_limit`: the request's own limit in bytes, 0 for none; `max_event_bytes`: the service's.
        `max_error_bytes`, `max_deck_bytes`: the service's for these, 0 and None for no other."""
        self._largest = max(max_event_bytes - _MARGIN, 0)
        self._error = min(max_error_bytes or self._largest, self._largest)
        self._deck = self._largest if max_deck_bytes is None else min(max_deck_bytes, self._largest)
        self._inline = min(inline_limit or self._largest, self._largest)

    def fit_outcome(self, outcome: execution_pb2.Outcome, outputs_bytes: int = 0) -> None:
        """Leaves large outputs and futures to their URI; without one the outcome becomes an error. `outputs_bytes`: of
        the literal map, where that is known: to find out takes as long as to serialize it."""
        kind = outcome.WhichOneof("result")
        if kind == "error":
            self.fit_error(outcome.error.error)
            return
        if kind == "ignored":
            outcome.ignored.reason = cut_middle(outcome.ignored.reason, self._error)
            return
        value = getattr(outcome, kind)
        if kind == "outputs" and not _can_be_read(value.literals):
            self._leave_out(
                outcome, "SYSTEM:OutputsTooDeep", "the outputs are nested more deeply than a message may be"
            )
            return
        if outputs_bytes and _at_most(value, outputs_bytes) <= self._inline:
            return
        size = value.ByteSize()
        if size <= self._inline:
            return
        told = f"the outputs have {size} bytes, over the limit of {self._largest} for one message (--max-message-bytes)"
        self._leave_out(outcome, "SYSTEM:OutputsTooLarge", told)

    def fit_error(self, error: errors_pb2.ContainerError) -> None:
        """Leaves out the middle of a long text; a code, which the user may choose, has to be short."""
        error.message = cut_middle(error.message, self._error)
        error.code = cut_middle(error.code, _LONGEST_CODE)

    def fit_error_documents(self, documents: Iterable[Message]) -> None:
        """The same for the errors among the documents of an execution."""
        for document in documents:
            if isinstance(document, errors_pb2.ErrorDocument):
                self.fit_error(document.error)

    def fit_deck(self, deck: execution_pb2.DeckContent) -> None:
        """Leaves a large deck to its URI; without one it is replaced by a word that says so."""
        limit = min(self._inline, self._deck)
        if deck.ByteSize() <= limit:
            return
        size = len(deck.html)
        deck.html = "" if deck.uri else f"<p>The deck has {size} characters, over the limit of {limit} bytes.</p>"

    def _leave_out(self, outcome: execution_pb2.Outcome, code: str, reason: str) -> None:
        """Leaves outputs or futures to their URI; without one they are an error."""
        value = getattr(outcome, outcome.WhichOneof("result"))
        if value.uri:
            for field in ("literals", "json", "spec"):
                if field in value.DESCRIPTOR.fields_by_name:
                    value.ClearField(field)
            return
        error = errors_pb2.ContainerError(
            code=code,
            message=f"{reason}; with settings.output_prefix they are written there and given by URI",
            kind=errors_pb2.ContainerError.NON_RECOVERABLE,
            origin=flyte_execution_pb2.ExecutionError.SYSTEM,
        )
        error.timestamp.GetCurrentTime()
        outcome.state = execution_pb2.EXECUTION_STATE_FAILED
        outcome.error.CopyFrom(execution_pb2.TaskError(error=error, cause=execution_pb2.ERROR_CAUSE_SYSTEM))


def fit_description(description: task_executor_pb2.DescribeTaskResponse) -> None:
    """Cuts what its author may have made long; a long default is not shown, as one that JSON cannot hold."""
    description.documentation = cut_middle(description.documentation, _LONGEST_DOCUMENTATION)
    for one in description.inputs:
        one.python_type = cut_middle(one.python_type, _LONGEST_CODE)
        if len(one.default_json) > _LONGEST_DOCUMENTATION:
            one.default_json = ""


def cut_middle(text: str, limit: int) -> str:
    """`text` in at most `limit` bytes, with a mark in the place of its middle when it is longer."""
    # Most texts are short. Four bytes is the longest character of UTF-8.
    if 4 * len(text) <= limit or len(text.encode()) <= limit:
        return text
    kept = max(limit // 4 - len(_CUT_MARK) - 20, 0) // 2
    return text[:kept] + _CUT_MARK.format(len(text) - 2 * kept) + text[len(text) - kept :]


def _at_most(outputs: execution_pb2.Outputs, literals_bytes: int) -> int:
    return literals_bytes + _MOST_BYTES_OF_A_CHARACTER * (len(outputs.json) + len(outputs.uri)) + _KEYS_AND_LENGTHS


def _can_be_read(outputs: literals_pb2.LiteralMap) -> bool:
    """Whether a client can: protobuf reads a hundred levels, of which lists have two each, in the deepest message that
    has outputs."""
    if not any(map(_nests, outputs.literals.values())):
        return True
    message = task_executor_pb2.ExecuteTasksResponse()
    message.answers.add().events.add().outcome.outputs.literals.CopyFrom(outputs)
    try:
        message.FromString(message.SerializeToString())
    except (DecodeError, EncodeError):
        return False
    return True


def _nests(literal: literals_pb2.Literal) -> bool:
    """Whether it is more than a list or a map of simple values. Those of one list are of one type."""
    if literal.HasField("scalar"):
        return literal.scalar.WhichOneof("value") in ("union", "generic")
    children = literal.collection.literals[:1] or list(literal.map.literals.values())[:1]
    return any(not child.HasField("scalar") or _nests(child) for child in children)
