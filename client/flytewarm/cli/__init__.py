"""The command `flytewarm`. Each command is a module that is imported when it is asked for."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence

from flytewarm.cli import exits

_SUMMARIES = {
    "run": "run a task by name, inputs as flags, outputs as JSON",
    "map": "run a task for each line of a file, results as JSON lines",
    "exec": "run a container command such as pyflyte-execute ..., warm",
    "describe": "tell a task's inputs, outputs and documentation",
    "status": "tell whether the service serves, and with which workers",
    "executions": "list executions that wait, run or are remembered",
    "watch": "follow an execution that was begun elsewhere",
    "cancel": "end an execution",
    "drain": "have the service finish its work and end",
    "lint": "tell whether modules can be preloaded and forked, and what they cost",
}
_MODULES = {
    "run": "run",
    "map": "map",
    "exec": "container_command",  # `exec` would hide a builtin
    "describe": "describe",
    "status": "service_status",
    "executions": "executions",
    "watch": "watch",
    "cancel": "cancel",
    "drain": "drain",
    "lint": "lint",
}
Command = Callable[[list[str]], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `flytewarm ARGV` (default: the process's arguments) and returns the exit code.

    0 success; 1 the task failed, a module is not fork-safe; 2 usage, a task that cannot be loaded, INVALID_ARGUMENT; 3
    no service, or another status; 130 interrupted; 141 stdout was closed.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    _prepare_process()
    if not arguments:
        exits.say(_help())
        return exits.USAGE
    name, *rest = arguments
    if name in ("-h", "--help"):
        exits.say(_help(), sys.stdout)
        return exits.OK
    if name == "--version":
        exits.say(f"flytewarm {_version()}", sys.stdout)
        return exits.OK
    try:
        return _run(name, rest)
    except SystemExit as error:  # argparse, after --help or a usage error
        return error.code if isinstance(error.code, int) else exits.OK if error.code is None else exits.FAILED


def _run(name: str, rest: list[str]) -> int:
    if name in _MODULES:
        return exits.guarded(_builtin(name), rest, f"flytewarm {name}")
    from flytewarm.cli import plugins

    plugin = plugins.find(name)
    if plugin is None:
        from flytewarm.cli.parser import suggestion

        known = [*_SUMMARIES, *plugins.summaries(_SUMMARIES)]
        exits.say(f"flytewarm: no command {name!r}{suggestion(name, known)}\n\n{_help()}")
        return exits.USAGE
    return plugins.run(plugin, rest)


def _builtin(name: str) -> Command:
    from importlib import import_module

    command: Command = import_module(f"flytewarm.cli.{_MODULES[name]}").main
    return command


def _help() -> str:
    from flytewarm.cli import plugins

    summaries = {**_SUMMARIES, **plugins.summaries(_SUMMARIES)}
    width = max(map(len, summaries))
    lines = [f"  {name:<{width}}  {text}" for name, text in summaries.items()]
    return "\n".join(
        [
            "usage: flytewarm COMMAND ...",
            "",
            "Runs flytekit tasks on interpreters that are already warm.",
            "",
            "commands:",
            *lines,
            "",
            "`flytewarm COMMAND --help` tells more. The service is at --target, else $FLYTEWARM_TARGET, else",
            "127.0.0.1:8700. Exit codes: 0 success, 1 the task failed, 2 usage or a task that cannot be loaded, 3 no",
            "service or another status, 130 interrupted with Ctrl-C, 141 nobody reads stdout any more.",
        ]
    )


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("flytewarm")
    except PackageNotFoundError:  # run from a source tree
        return "unknown"


def _prepare_process() -> None:
    # Remarks of gRPC's core, such as about forks, are not for the users of a command.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a task may print what the terminal cannot show
