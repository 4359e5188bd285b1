"""`flytewarm map MODULE.TASK --inputs FILE.jsonl`."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from flytewarm.cli import arguments, exits, service
from flytewarm.cli.exits import UsageError

if TYPE_CHECKING:
    from flytewarm.cli.progress import Progress
    from flytewarm.requests import RunOptions
    from flytewarm_api.v1 import task_executor_pb2

_DESCRIPTION = """Runs a task once for each line of a file, which is a JSON object with the inputs of one execution.

Prints a line for each: {"index": N, "result": ...}, as `flytewarm run` would print it, or {"index": N, "error":
{"code": ..., "cause": ..., "message": ...}}. Lines are read as results come; those that are empty are left out and not
counted."""


def main(argv: list[str]) -> int:
    """Runs the command and returns its exit code."""
    options = _parser().parse_args(argv)
    environment = arguments.parse_env(options.env)
    from flytewarm.cli.progress import Progress

    with (
        _opened(options.inputs) as lines,
        Progress(options.task, sys.stderr) as progress,
        service.connect(options) as executor,
    ):
        task = service.describe(executor, options.task, options.verbose)
        results = executor.map(
            options.task,
            _inputs(lines, options.inputs, task),
            _run_options(options, environment),
            ordered=not options.as_completed,
            return_exceptions=True,
            concurrency=options.concurrency,
        )
        report = _Report(options.verbose, progress)
        return report.show(results, ordered=not options.as_completed, fail_fast=options.fail_fast)


def _parser() -> argparse.ArgumentParser:
    parser = arguments.make_parser("map", _DESCRIPTION)
    parser.add_argument("--inputs", metavar="FILE.jsonl", required=True, help="one JSON object a line; - for stdin")
    parser.add_argument("--as-completed", action="store_true", help="print results as they come, not in order")
    parser.add_argument("--fail-fast", action="store_true", help="end with the first item that fails")
    parser.add_argument(
        "--concurrency",
        metavar="N",
        type=_positive,
        help="items that are read ahead of the results (default: as many as the service takes)",
    )
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=arguments.positive_seconds, help="of each execution (default: no limit)"
    )
    parser.add_argument("--output-prefix", metavar="PREFIX", help="write outputs.pb or error.pb to PREFIX/INDEX")
    parser.add_argument(
        "--raw-output-prefix",
        metavar="PREFIX",
        help="where files and datasets of the outputs go (default: they are deleted when the execution ends)",
    )
    parser.add_argument(
        "--execution-id", metavar="ID", default="", help="executions are ID-INDEX (default: the service makes ids)"
    )
    arguments.add_env(parser)
    arguments.add_verbose(parser)
    parser.add_argument("task", metavar="MODULE.TASK")
    return parser


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return int(text)


def _run_options(options: argparse.Namespace, environment: dict[str, str]) -> RunOptions:
    from flytewarm.requests import RunOptions
    from flytewarm_api.v1 import settings_pb2

    return RunOptions(
        execution_id=options.execution_id,
        timeout=options.timeout,
        output_prefix=arguments.absolute(options.output_prefix or ""),
        raw_output_prefix=arguments.absolute(options.raw_output_prefix or ""),
        settings=settings_pb2.ExecutionSettings(env=environment),
    )


def _opened(path: str) -> contextlib.AbstractContextManager[TextIO]:
    if path == "-":
        return contextlib.nullcontext(sys.stdin)
    try:
        return open(path, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--inputs {path}: {error.strerror}") from None


def _inputs(
    lines: Iterable[str], origin: str, task: task_executor_pb2.DescribeTaskResponse
) -> Iterator[dict[str, Any]]:
    from flytewarm.cli import flags

    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            given = json.loads(line, parse_constant=_no_json)
            if not isinstance(given, dict):
                raise UsageError("expected one JSON object")
            yield flags.parse_inputs([], task, given)
        except json.JSONDecodeError as error:
            fault = f"is not JSON: {error.msg} at column {error.pos + 1}"
        except (ValueError, RecursionError, UsageError) as error:
            fault = str(error).removeprefix("--inputs: ")
        else:
            continue
        raise UsageError(f"--inputs {origin}, line {number}: {fault}")


def _no_json(constant: str) -> NoReturn:
    """Python's parser takes NaN and infinities, which JSON does not have and the service does not take."""
    raise UsageError(f"{constant} is not JSON")


class _Report:
    """Prints the results, and knows how they were."""

    def __init__(self, verbose: bool, progress: Progress) -> None:
        from flytewarm import map_progress

        self._verbose = verbose
        self._progress = progress
        self._given = self._failed = 0
        self._code = exits.OK
        began = time.monotonic()
        progress.phase(lambda: map_progress.text(self._given, self._failed, None, time.monotonic() - began))

    def show(self, results: Generator[Any, None, None], *, ordered: bool, fail_fast: bool) -> int:
        """Prints a line for each result and returns the exit code, which is that of the worst one."""
        with contextlib.closing(results):
            try:
                for index, result in enumerate(results) if ordered else results:
                    self._show(index, result)
                    if fail_fast and self._failed:
                        break
            except KeyboardInterrupt:
                raise KeyboardInterrupt("what is left is cancelled") from None
        if self._failed:
            self._progress.write(sys.stderr, f"flytewarm map: {self._failed} of {self._given} items failed\n")
        return self._code

    def _show(self, index: int, result: Any) -> None:
        self._given += 1
        told = {"index": index, "result": result}
        if isinstance(result, Exception):
            self._failed += 1
            code, error = self._error(result)
            self._code = max(self._code, code)
            told = {"index": index, "error": error}
        self._progress.write(sys.stdout, json.dumps(told) + "\n")

    def _error(self, error: Exception) -> tuple[int, dict[str, str]]:
        from flytewarm.errors import CallError, TaskFailed

        if isinstance(error, TaskFailed):
            message = error.message if self._verbose else error.summary
            return exits.FAILED, {"code": error.code, "cause": error.cause.name, "message": message}
        if isinstance(error, CallError):
            return exits.CALL_FAILED, {"code": error.code.name, "message": error.details}
        return exits.CALL_FAILED, {"code": type(error).__name__, "message": str(error)}
