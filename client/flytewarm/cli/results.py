"""What `flytewarm run` prints of an outcome: the result on stdout, everything around it on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flytewarm.cli import exits

if TYPE_CHECKING:
    from flytewarm_api.v1 import execution_pb2

_TOO_LARGE = "SYSTEM:OutputsTooLarge"
# flytekit's words when a dynamic task's further tasks have no image.
_NO_IMAGE = "An image is required"


@dataclass(frozen=True, kw_only=True)
class Report:
    """Prints outcomes of `flytewarm run`, given which of its options were used."""

    verbose: bool
    has_image: bool
    keeps_files: bool
    """Whether files of the outputs go to a place that outlives the execution."""

    def show(self, outcome: execution_pb2.Outcome) -> int:
        """Prints an outcome and returns the exit code."""
        kind = outcome.WhichOneof("result")
        if kind == "error":
            self._show_error(outcome)
            return exits.FAILED
        if kind == "ignored":
            _note(f"the task asked to ignore its outputs: {outcome.ignored.reason}")
        if kind == "futures":
            _note(
                "the task is dynamic: its result is further work, which nobody has run; a specification of it follows"
            )
        if uri := _only_written(outcome):
            _note(f"the result is too large to be printed; it is in {uri}")
            return exits.OK
        exits.say(_result_text(outcome), sys.stdout)
        if not self.keeps_files and (count := _deleted_files(outcome)):
            _note(
                f"the outputs name {count} {'file' if count == 1 else 'files'} that went with the execution;"
                " --raw-output-prefix PREFIX, before the task's name, keeps such files"
            )
        return exits.OK

    def _show_error(self, outcome: execution_pb2.Outcome) -> None:
        from flytewarm.cli.follow import error_text
        from flytewarm.enums import ErrorCause
        from flytewarm.errors import TaskFailed

        failure = TaskFailed(outcome)
        if failure.cause == ErrorCause.INPUTS and not self.verbose:
            _note(failure.summary)
        else:
            exits.say(error_text(outcome))
        if failure.code == _TOO_LARGE:
            _note("with --output-prefix PREFIX, before the task's name, they are written there")
        if not self.has_image and _NO_IMAGE in failure.message:
            _note("--image NAME:TAG, before the task's name, gives the tasks of a dynamic task their image")


def _note(text: str) -> None:
    exits.say(f"flytewarm run: {text}")


def _only_written(outcome: execution_pb2.Outcome) -> str:
    """Where a result is that was not sent; empty for one that was."""
    if outcome.HasField("futures"):
        return "" if outcome.futures.HasField("spec") else outcome.futures.uri
    return "" if outcome.outputs.json else outcome.outputs.uri


def _result_text(outcome: execution_pb2.Outcome) -> str:
    indent = 2 if sys.stdout.isatty() else None
    if outcome.HasField("futures"):
        from google.protobuf import json_format

        return json.dumps(json_format.MessageToDict(outcome.futures.spec), indent=indent)
    from flytewarm.requests import native_result

    return json.dumps(native_result(outcome), indent=indent, ensure_ascii=not _is_utf8())


def _deleted_files(outcome: execution_pb2.Outcome) -> int:
    """How many of the outputs are paths in the execution's sandbox, which is a directory of its worker's."""
    if not outcome.outputs.json or not outcome.receipt.worker:
        return 0
    inside = f"/workers/{outcome.receipt.worker}/"
    return sum(text.startswith("/") and inside in text for text in _texts(json.loads(outcome.outputs.json)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _is_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
