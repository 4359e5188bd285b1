"""`flytewarm executions`."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from flytewarm.cli import arguments, exits, service, tables

if TYPE_CHECKING:
    from flytewarm_api.v1 import task_executor_pb2

_MOST = 50
# Of those that are not listed.
_MOST_COUNTED = 1000


def main(argv: list[str]) -> int:
    """Runs the command and returns its exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    from flytewarm.enums import ExecutionState

    states = [ExecutionState[name.upper()] for name in options.state]
    with service.connect(options) as executor:
        listed = executor.executions(states=states, task=options.task)
        found = list(itertools.islice(listed, options.limit or None))
        left = sum(1 for _ in itertools.islice(listed, _MOST_COUNTED + 1))
    if options.json:
        exits.say(_json(found), sys.stdout)
    else:
        exits.say("\n".join(_lines(found)), sys.stdout)
    if left:
        more = f"more than {_MOST_COUNTED}" if left > _MOST_COUNTED else left
        exits.say(f"flytewarm executions: {more} more; --limit 0 lists all")
    return exits.OK


def _parser() -> argparse.ArgumentParser:
    parser = arguments.make_parser("executions", "Lists executions that wait, run or are remembered, newest first.")
    parser.add_argument(
        "--state",
        action="append",
        default=[],
        type=str.lower,
        choices=["queued", "starting", "running", "succeeded", "failed", "cancelled", "timed_out", "lost"],
        help="only those in this state; may be repeated",
    )
    parser.add_argument(
        "--task", default="", metavar="MODULE.TASK", help="only those of this task, as the list tells it"
    )
    parser.add_argument(
        "--limit", type=_limit, default=_MOST, metavar="N", help=f"at most so many; 0: all (default: {_MOST})"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}")
    return int(text)


def _lines(found: Iterable[task_executor_pb2.Execution]) -> Iterator[str]:
    from flytewarm.enums import ExecutionState

    rows = [("EXECUTION", "STATE", "CREATED", "SECONDS", "TASK", "ERROR")]
    for one in found:
        created = one.created_at.ToDatetime().isoformat(sep=" ", timespec="seconds")
        code = one.outcome.error.error.code
        rows.append((one.execution_id, str(ExecutionState(one.state)), created, _seconds(one), one.task, code))
    return tables.lines(rows)


def _seconds(execution: task_executor_pb2.Execution) -> str:
    """How long it took once a worker had it."""
    if not (execution.HasField("started_at") and execution.HasField("ended_at")):
        return ""
    return f"{(execution.ended_at.ToNanoseconds() - execution.started_at.ToNanoseconds()) / 1e9:.3f}"


def _json(found: Iterable[task_executor_pb2.Execution]) -> str:
    from google.protobuf.json_format import MessageToDict

    return json.dumps([MessageToDict(one) for one in found], indent=2)
