"""A container command, taken apart: the flags of pyflyte-execute, pyflyte-map-execute and pyflyte-fast-execute.

The entrypoint parses with click; here the server must refuse a bad command without flytekit. A test holds both parsers
equal on the same commands.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field

from flytewarm_server.rpc.status import Violation

EXECUTE = "pyflyte-execute"
MAP_EXECUTE = "pyflyte-map-execute"
FAST_EXECUTE = "pyflyte-fast-execute"

_VALUES = {
    "--inputs",
    "--output-prefix",
    "--raw-output-data-prefix",
    "--checkpoint-path",
    "--prev-checkpoint",
    "--dynamic-addl-distro",
    "--dynamic-dest-dir",
    "--resolver",
}
_OPTIONS = {EXECUTE: _VALUES, MAP_EXECUTE: _VALUES | {"--max-concurrency"}}
_FAST_VALUES = {"--additional-distribution", "--dest-dir"}
_REQUIRED = ("--inputs", "--output-prefix", "--resolver")
_FLAG = "--test"
# Flags whose values are paths or URIs.
PATHS = ("--inputs", "--output-prefix", "--raw-output-data-prefix", "--checkpoint-path", "--prev-checkpoint")
# What a template's placeholder means when nobody has filled it in (entrypoint.normalize_inputs).
_UNFILLED = {
    "--raw-output-data-prefix": {"{{.rawOutputDataPrefix}}"},
    "--checkpoint-path": {"{{.checkpointOutputPrefix}}"},
    "--prev-checkpoint": {"{{.prevCheckpointPrefix}}", "", '""'},
}


class CommandError(Exception):
    """A command that the entrypoint would refuse, too."""

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.violation = Violation("command.args", description)


@dataclass
class Command:
    """A container command's meaning. `options` has a value for each flag given and filled in."""

    program: str
    options: dict[str, str] = field(default_factory=dict)
    test: bool = False
    resolver_args: list[str] = field(default_factory=list)
    # Of a pyflyte-fast-execute around it.
    distribution: str = ""
    destination_dir: str = ""


def parse_command(args: Sequence[str], working_dir: str = "") -> Command:
    """Takes a command apart. Raises CommandError. `working_dir`: where pyflyte-fast-execute unpacks by default."""
    if not args:
        raise CommandError("is empty")
    program = posixpath.basename(args[0])
    if program == FAST_EXECUTE:
        return _parse_fast(list(args[1:]), working_dir)
    if program not in _OPTIONS:
        raise CommandError(f"{args[0]!r} is none of {', '.join([*_OPTIONS, FAST_EXECUTE])}")
    command = Command(program)
    _parse_options(command, list(args[1:]))
    for flag, unfilled in _UNFILLED.items():
        if command.options.get(flag) in unfilled:
            del command.options[flag]
    _check(command)
    return command


def _parse_fast(rest: list[str], working_dir: str) -> Command:
    options: dict[str, str] = {}
    while rest and rest[0] != "--":
        name, equals, value = rest.pop(0).partition("=")
        if name not in _FAST_VALUES:
            raise CommandError(f"{FAST_EXECUTE} has no option {name}; its command comes after --")
        if not equals and not rest:
            raise CommandError(f"option {name} needs a value")
        options[name] = value if equals else rest.pop(0)
    distribution = options.get("--additional-distribution", "")
    if not distribution:
        raise CommandError("option --additional-distribution is missing")
    destination = options.get("--dest-dir", "")
    inner = rest[1:]
    if "--resolver" in inner:
        # As the entrypoint does, so that a dynamic task's own tasks find the same code.
        place = inner.index("--resolver")
        inner[place:place] = ["--dynamic-addl-distro", distribution, "--dynamic-dest-dir", destination or working_dir]
    if inner and posixpath.basename(inner[0]) == FAST_EXECUTE:
        raise CommandError(f"{FAST_EXECUTE} cannot run another {FAST_EXECUTE}")
    command = parse_command(inner)
    command.distribution, command.destination_dir = distribution, destination
    return command


def _parse_options(command: Command, rest: list[str]) -> None:
    known = _OPTIONS[command.program]
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            command.resolver_args += rest
            return
        name, equals, value = argument.partition("=")
        if argument == _FLAG:
            command.test = True
        elif name in known:
            if not equals and not rest:
                raise CommandError(f"option {name} needs a value")
            command.options[name] = value if equals else rest.pop(0)
        elif argument.startswith("-") and len(argument) > 1:
            raise CommandError(f"{command.program} has no option {name}")
        else:
            command.resolver_args.append(argument)


def _check(command: Command) -> None:
    for flag in _REQUIRED:
        if flag not in command.options:
            raise CommandError(f"option {flag} is missing")
    if not command.resolver_args:
        raise CommandError("the resolver's arguments (after --) are missing")
    concurrency = command.options.get("--max-concurrency", "0")
    if not _is_count(concurrency):
        raise CommandError(f"option --max-concurrency must be a whole number below 2**32, not {concurrency!r}")


def _is_count(text: str) -> bool:
    """Whether int() reads it, as click does, and settings.map_task.max_concurrency can hold it."""
    try:
        return 0 <= int(text) < 2**32
    except ValueError:
        return False
