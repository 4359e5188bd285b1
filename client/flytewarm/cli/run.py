"""`flytewarm run MODULE.TASK --input value ...`."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from flytewarm.cli import arguments, exits, service
from flytewarm.cli.parser import CommandParser

if TYPE_CHECKING:
    from flytewarm.cli.progress import Progress
    from flytewarm_api.v1 import execution_pb2, settings_pb2, task_executor_pb2

_DESCRIPTION = """Runs a task. Its inputs are flags after its name; `flytewarm run MODULE.TASK --help` tells them. The
options below go before the name.

Strings, enum values, datetimes (RFC 3339) and paths or URIs are given as they are, durations in seconds, everything
else as JSON; null is an absent Optional. The outputs go to stdout as JSON: null for none, the value of a single one,
else an object. What the task writes goes to stderr."""


def main(argv: list[str]) -> int:
    """Runs the command and returns its exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    environment = arguments.parse_env(options.env)
    # After the options: importing gRPC takes longer than telling that one of them is wrong.
    from flytewarm.cli import flags
    from flytewarm.cli.progress import Progress
    from flytewarm.cli.results import Report

    settings = _settings(options, environment)
    given = flags.load_inputs(options.inputs) if options.inputs else {}
    with Progress(options.task, sys.stderr) as progress:
        described = _describe(options)
        if described is None:
            limit = f"{options.timeout:g} s (--timeout)"
            exits.say(f"flytewarm run: nobody told within {limit} what the task takes; it was not run")
            return exits.FAILED
        task, is_local = described
        if flags.asks_for_help(options.flags):
            return _tell_usage(task, progress)
        inputs = flags.parse_inputs(options.flags, task, given, parser.option_names, is_local)
        outcome = _execute(options, settings, inputs, progress)
    keeps_files = bool(options.raw_output_prefix)
    return Report(verbose=options.verbose, has_image=bool(options.image), keeps_files=keeps_files).show(outcome)


def _parser() -> CommandParser:
    parser = arguments.make_parser("run", _DESCRIPTION, "flytewarm run [options] MODULE.TASK [--INPUT VALUE ...]")
    parser.unknown_hint = "; inputs of the task go after its name"
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=arguments.positive_seconds,
        help="end the execution when it takes longer (default: no limit)",
    )
    parser.add_argument("--output-prefix", metavar="PREFIX", help="also write outputs.pb, error.pb, deck.html there")
    parser.add_argument(
        "--raw-output-prefix",
        metavar="PREFIX",
        help="where files and datasets of the outputs go (default: they are deleted when the execution ends)",
    )
    parser.add_argument(
        "--isolation",
        type=str.lower,
        choices=["context", "process"],
        help="process: in a worker that has run nothing before (default: --isolation of the service)",
    )
    parser.add_argument(
        "--priority", type=int, metavar="N", help="what has a higher one is started first, -100 to 100 (default: 0)"
    )
    parser.add_argument(
        "--on-disconnect",
        type=str.lower,
        choices=["cancel", "continue"],
        help="what becomes of it when this command ends early (default: cancel)",
    )
    parser.add_argument("--inputs", metavar="FILE.json", help="inputs as one JSON object; flags win over it")
    parser.add_argument(
        "--execution-id", metavar="ID", default="", help="for `flytewarm cancel` (default: the service makes one)"
    )
    parser.add_argument(
        "--image",
        metavar="NAME:TAG",
        help="image of the tasks that a dynamic task makes, which flytekit asks for; NAME@DIGEST, too",
    )
    arguments.add_env(parser)
    arguments.add_verbose(parser)
    parser.add_argument("task", metavar="MODULE.TASK")
    parser.add_argument("flags", nargs=argparse.REMAINDER, metavar="...", help=argparse.SUPPRESS)
    return parser


def _settings(options: argparse.Namespace, environment: dict[str, str]) -> settings_pb2.ExecutionSettings:
    from flytewarm.cli import image
    from flytewarm_api.v1 import settings_pb2

    return settings_pb2.ExecutionSettings(
        output_prefix=arguments.absolute(options.output_prefix or ""),
        raw_output_prefix=arguments.absolute(options.raw_output_prefix or ""),
        env=environment,
        serialization=image.serialization(options.image) if options.image else None,
    )


def _describe(options: argparse.Namespace) -> tuple[task_executor_pb2.DescribeTaskResponse, bool] | None:
    """The task, and whether its service is on this machine; None if the timeout has passed before it is known."""
    from flytewarm.channel import is_local
    from flytewarm.errors import DeadlineExceeded

    misplaced = any(flag.partition("=")[0] == "--target" for flag in options.flags)
    hint = "; --target after the task's name is taken for an input" if misplaced else ""
    # The deadline is for the description alone: the execution has a timeout of its own, whose end is an outcome.
    begun = time.monotonic()
    with service.connect(options, options.timeout, hint) as executor:
        try:
            return service.describe(executor, options.task, options.verbose), is_local(executor.target)
        except DeadlineExceeded:
            # The service has a limit of its own, and says so.
            if options.timeout is None or time.monotonic() - begun < options.timeout:
                raise
            return None


def _tell_usage(task: task_executor_pb2.DescribeTaskResponse, progress: Progress) -> int:
    from flytewarm.cli import interface

    progress.write(sys.stdout, interface.usage_text(task, f"flytewarm run {task.name}") + "\n")
    return exits.OK


def _execute(
    options: argparse.Namespace,
    settings: settings_pb2.ExecutionSettings,
    inputs: dict[str, object],
    progress: Progress,
) -> execution_pb2.Outcome:
    from flytewarm.cli.follow import follow
    from flytewarm.requests import RunOptions, run_request

    how = RunOptions(
        execution_id=options.execution_id,
        timeout=options.timeout,
        settings=settings,
        isolation=options.isolation,
        priority=options.priority,
        on_disconnect=options.on_disconnect,
    )
    request = run_request(options.task, how, inputs)
    request.events.omit_logs = False
    with service.connect(options) as executor:
        goes_on = {"interrupted": "the execution goes on"} if options.on_disconnect == "continue" else {}
        return follow(executor.stream(request), progress, stdout=sys.stderr, **goes_on)
