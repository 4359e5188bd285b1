"""`flytewarm cancel EXECUTION_ID`."""

from __future__ import annotations

import sys

from flytewarm.cli import arguments, exits, service


def main(argv: list[str]) -> int:
    """Runs the command and returns its exit code: 0 also for one that had ended before, 3 for an unknown one."""
    parser = arguments.make_parser("cancel", "Ends an execution, and tells the state in which the request met it.")
    parser.add_argument("--reason", default="", help="why, for the error's message")
    parser.add_argument("execution_id", metavar="EXECUTION_ID")
    options = parser.parse_args(argv)
    name = f"execution {options.execution_id}"
    with service.connect(options) as executor:
        from flytewarm.errors import NotFound

        try:
            state = executor.cancel(options.execution_id, options.reason)
        except NotFound:
            exits.say(f"flytewarm cancel: the service knows no {name}; it forgets ended ones in time")
            return exits.CALL_FAILED
    told = f"had ended already: {state}" if state.is_terminal else f"was {state} and is being cancelled"
    exits.say(f"{name} {told}", sys.stdout)
    return exits.OK
