"""What the commands' own options have in common."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from flytewarm.cli.exits import UsageError
from flytewarm.cli.parser import CommandParser

_SECURITY_FILES = {
    "ca-cert": "certificates of the authorities that the service's may be signed by; implies --tls",
    "client-cert": "certificate that the service may want of its clients; implies --tls",
    "client-key": "private key of --client-cert",
    "token-file": "file whose first line is the token; $FLYTEWARM_TOKEN may hold the token itself",
}


def make_parser(name: str, description: str, usage: str | None = None, *, with_target: bool = True) -> CommandParser:
    """A parser for `flytewarm NAME`; for a command that talks to the service with --target and what secures the way."""
    parser = CommandParser(
        prog=f"flytewarm {name}",
        usage=usage,
        description=description,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if with_target:
        _add_target(parser)
    return parser


def _add_target(parser: CommandParser) -> None:
    parser.add_argument(
        "--target",
        metavar="TARGET",
        help="where the service is: host:port, unix:PATH, or dns:///host:port for a name with several addresses "
        "(default: $FLYTEWARM_TARGET, else 127.0.0.1:8700)",
    )
    security = parser.add_argument_group("security (a token is never an argument, which others can read)")
    security.add_argument("--tls", action="store_true", help="speak TLS (default: $FLYTEWARM_TLS)")
    for option, meaning in _SECURITY_FILES.items():
        variable = f"$FLYTEWARM_{option.upper().replace('-', '_')}"
        security.add_argument(f"--{option}", metavar="FILE", help=f"{meaning} (default: {variable})")


def add_verbose(parser: argparse.ArgumentParser) -> None:
    """Adds --verbose."""
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="show tracebacks of errors about inputs, too, and of tasks that cannot be loaded",
    )


def add_env(parser: argparse.ArgumentParser) -> None:
    """Adds --env."""
    parser.add_argument(
        "--env",
        metavar="K=V",
        action="append",
        default=[],
        help="an environment variable of the task; may be repeated",
    )


def parse_env(pairs: Sequence[str]) -> dict[str, str]:
    """The variables of repeated --env K=V. Raises UsageError for an argument without a name or '='."""
    variables = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise UsageError(f"--env {pair}: expected NAME=VALUE")
        variables[name] = value
    return variables


def positive_seconds(text: str) -> float:
    """An argparse type: seconds, more than 0."""
    if (found := _seconds(text)) <= 0:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, got {text!r}")
    return found


def seconds(text: str) -> float:
    """An argparse type: seconds, 0 or more."""
    if (found := _seconds(text)) < 0:
        raise argparse.ArgumentTypeError(f"expected a number of seconds, got {text!r}")
    return found


def _seconds(text: str) -> float:
    """Less than 0 for what is no number of seconds."""
    try:
        found = float(text)
    except ValueError:
        return -1.0
    return found if found < float("inf") else -1.0


def absolute(path: str) -> str:
    """A local relative path as an absolute one: the worker has a working directory of its own. URIs stay."""
    return path if not path or "://" in path else os.path.abspath(path)
