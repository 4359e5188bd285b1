"""`flytewarm exec -- pyflyte-execute ...`: a drop-in for the entrypoint that a container starts."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flytewarm.cli import arguments, exits, service
from flytewarm.cli.caller_environment import PREFIXES, task_variables

if TYPE_CHECKING:
    from flytewarm_api.v1 import execution_pb2

_DESCRIPTION = f"""Runs pyflyte-execute, pyflyte-map-execute or pyflyte-fast-execute with its flags on the service. It
writes the same files and ends with the same status: 0 also when the task failed (error.pb says so), 1 then if
FLYTE_FAIL_ON_ERROR is true; 1, too, when the execution was cancelled, timed out, lost its worker, its code could not be
fetched or loaded, or error.pb could not be written; 2 for a wrong command.

Relative local paths are made absolute. Of the caller's environment the task sees the variables whose names start with
{", ".join(PREFIXES)}."""

_PATH_FLAGS = (
    "--inputs",
    "--output-prefix",
    "--raw-output-data-prefix",
    "--checkpoint-path",
    "--prev-checkpoint",
    "--dynamic-addl-distro",
    "--additional-distribution",
)
_FAST = "pyflyte-fast-execute"
_FAIL_ON_ERROR = "FLYTE_FAIL_ON_ERROR"
_TRUE = ("true", "t", "1")  # as flytekit reads FLYTE_FAIL_ON_ERROR


def main(argv: list[str]) -> int:
    """Runs the command and returns its exit code."""
    options = _parser().parse_args(argv)
    environment = task_variables(os.environ, options.env_all, arguments.parse_env(options.env))
    # After the options: importing gRPC takes longer than telling that one of them is wrong.
    from flytewarm.cli.follow import error_text, follow
    from flytewarm.cli.progress import Progress
    from flytewarm_api.v1 import settings_pb2, task_executor_pb2

    request = task_executor_pb2.ExecuteTaskRequest(
        command=task_executor_pb2.ContainerCommand(args=absolute_paths([options.program, *options.args])),
        settings=settings_pb2.ExecutionSettings(env=environment),
        # The files under the output prefix are the result; sent as well, a large one could pass the service's limit.
        events=settings_pb2.EventOptions(omit_decks=True, omit_metrics=True, inline_limit_bytes=1),
    )
    with service.connect(options) as executor, Progress(options.program, sys.stderr) as progress:
        outcome = follow(executor.stream(request), progress, stdout=sys.stdout)
    if outcome.HasField("error"):
        exits.say(error_text(outcome))
    return exit_code(outcome, environment.get(_FAIL_ON_ERROR, "").lower() in _TRUE)


def absolute_paths(command: Sequence[str]) -> list[str]:
    """A command in which relative local paths are absolute; the resolver's arguments stay as they are."""
    program, *rest = command or [""]
    result = [program]
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            # After it, pyflyte-fast-execute has a command of its own.
            return [*result, argument, *(absolute_paths(rest) if os.path.basename(program) == _FAST else rest)]
        flag, equals, value = argument.partition("=")
        if flag not in _PATH_FLAGS:
            result.append(argument)
        elif equals:
            result.append(f"{flag}={_absolute(value)}")
        else:
            result += [flag, *(_absolute(rest.pop(0)) for _ in rest[:1])]
    return result


def exit_code(outcome: execution_pb2.Outcome, fail_on_error: bool) -> int:
    """The entrypoint's exit code for this outcome.

    A failure that the entrypoint would have put into error.pb is a success of the entrypoint, unless `fail_on_error`.
    Without a worker it never came so far: its code could not be fetched, say, over which the entrypoint fails.
    """
    from flytewarm_api.v1 import execution_pb2

    if not outcome.HasField("error"):
        return exits.OK
    in_the_task = outcome.error.cause in (
        execution_pb2.ERROR_CAUSE_USER,
        execution_pb2.ERROR_CAUSE_USER_RECOVERABLE,
        execution_pb2.ERROR_CAUSE_INPUTS,
        execution_pb2.ERROR_CAUSE_SYSTEM,
    )
    written = in_the_task and outcome.error.uri and outcome.receipt.worker
    return exits.OK if written and not fail_on_error else exits.FAILED


def _absolute(path: str) -> str:
    # A template's placeholder, or the quotes that stand for no checkpoint, mean something to the entrypoint.
    return path if path.startswith(("{{", '"')) else arguments.absolute(path)


def _parser() -> argparse.ArgumentParser:
    parser = arguments.make_parser(
        "exec", _DESCRIPTION, "flytewarm exec [options] -- pyflyte-execute --inputs ... --output-prefix ... -- ..."
    )
    arguments.add_env(parser)
    parser.add_argument(
        "--env-all",
        action="store_true",
        help="send all of the caller's environment except for PATH, HOME, PYTHON* and the like",
    )
    parser.add_argument(
        "program", metavar="COMMAND", help="pyflyte-execute, pyflyte-map-execute or pyflyte-fast-execute"
    )
    parser.add_argument("args", nargs=argparse.REMAINDER, metavar="...", help="its arguments")
    return parser
