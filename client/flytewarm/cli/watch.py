"""`flytewarm watch EXECUTION_ID`."""

from __future__ import annotations

import sys

from flytewarm.cli import arguments, exits, service

_DESCRIPTION = """Follows an execution that was begun elsewhere: what its task has written and goes on to write, to
stdout and stderr, and then how it ended, on stderr. Exit code 0 when it succeeded, 1 when it did not, 3 when the
service does not know it (any more)."""


def main(argv: list[str]) -> int:
    """Runs the command and returns its exit code."""
    parser = arguments.make_parser("watch", _DESCRIPTION)
    parser.add_argument("execution_id", metavar="EXECUTION_ID")
    options = parser.parse_args(argv)
    from flytewarm.cli.follow import error_text, follow
    from flytewarm.cli.progress import Progress
    from flytewarm.enums import ExecutionState
    from flytewarm.errors import NotFound

    name = f"execution {options.execution_id}"
    with service.connect(options) as executor, Progress(options.execution_id, sys.stderr) as progress:
        try:
            outcome = follow(executor.watch(options.execution_id), progress, sys.stdout, "nobody watches any more")
        except NotFound:
            exits.say(f"flytewarm watch: the service knows no {name}; it forgets ended ones in time")
            return exits.CALL_FAILED
    if outcome.HasField("error"):
        exits.say(error_text(outcome))
    exits.say(f"{name}: {ExecutionState(outcome.state)}")
    return exits.FAILED if outcome.HasField("error") else exits.OK
