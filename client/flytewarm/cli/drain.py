"""`flytewarm drain`."""

from __future__ import annotations

import sys

from flytewarm.cli import arguments, exits, service

_DESCRIPTION = """Has the service end as SIGTERM does: it takes no new work, finishes what waits and runs, and ends
what is left after the grace as preempted. Returns at once, with the number of executions that it has to finish."""


def main(argv: list[str]) -> int:
    """Runs the command and returns its exit code."""
    parser = arguments.make_parser("drain", _DESCRIPTION)
    parser.add_argument(
        "--grace",
        metavar="SECONDS",
        type=arguments.seconds,
        help="what they get to finish (default: --drain-grace of the service)",
    )
    options = parser.parse_args(argv)
    with service.connect(options) as executor:
        left = executor.drain(options.grace)
        exits.say(f"{executor.target} stops; executions that wait or run: {left}", sys.stdout)
    return exits.OK
