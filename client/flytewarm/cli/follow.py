"""One execution on the command line: its log as it comes, its outcome at the end."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Iterable
from typing import TextIO

from flytewarm.cli.progress import Progress
from flytewarm.errors import TaskFailed
from flytewarm.messages import without_class
from flytewarm_api.v1 import execution_pb2


def follow(
    events: Generator[execution_pb2.Event, None, None],
    progress: Progress,
    stdout: TextIO,
    interrupted: str = "the execution is cancelled",
) -> execution_pb2.Outcome:
    """Shows an execution's events and returns its outcome. What the task writes to its stdout goes to `stdout`.

    An exception ends the call; Ctrl-C does, too, and is told as `interrupted`.
    """
    with contextlib.closing(events):
        try:
            return _show(events, progress, stdout)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(interrupted) from None


def error_text(outcome: execution_pb2.Outcome) -> str:
    """A failed outcome's error for a reader: what went wrong in a line, and then, where there is more, all of it."""
    failure = TaskFailed(outcome)
    line, code = failure.summary, failure.shown_code
    is_named = code.endswith(f":{line.partition(':')[0]}")  # the exception's class, by the code
    first = ": ".join(filter(None, (code, without_class(line) if is_named else line)))
    return first if line == failure.message.strip() else f"{first}\n\n{failure.message.rstrip()}"


def _show(events: Iterable[execution_pb2.Event], progress: Progress, stdout: TextIO) -> execution_pb2.Outcome:
    outcome = execution_pb2.Outcome()
    for event in events:
        kind = event.WhichOneof("kind")
        if kind == "queued":
            progress.phase(f"queued behind {event.queued.position}" if event.queued.position else "queued")
        elif kind == "started":
            progress.phase("running")
        elif kind == "log":
            _show_log(event.log, progress, stdout)
        elif kind == "outcome":
            outcome = event.outcome
    return outcome


def _show_log(log: execution_pb2.Log, progress: Progress, stdout: TextIO) -> None:
    stream = sys.stderr if log.stream == execution_pb2.LOG_STREAM_STDERR else stdout
    progress.write(stream, log.text)
    if log.dropped_bytes:
        progress.write(sys.stderr, f"\nflytewarm: {log.dropped_bytes} bytes of log were left out\n")
