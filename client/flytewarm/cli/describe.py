"""`flytewarm describe MODULE.TASK`."""

from __future__ import annotations

import json
import sys

from flytewarm.cli import arguments, exits, service


def main(argv: list[str]) -> int:
    """Runs the command and returns its exit code."""
    parser = arguments.make_parser("describe", "Tells a task's inputs, outputs and documentation.")
    parser.add_argument("--json", action="store_true", help="print the DescribeTaskResponse as JSON")
    arguments.add_verbose(parser)
    parser.add_argument("task", metavar="MODULE.TASK")
    options = parser.parse_args(argv)
    with service.connect(options) as executor:
        task = service.describe(executor, options.task, options.verbose)
    if options.json:
        from google.protobuf import json_format

        exits.say(json.dumps(json_format.MessageToDict(task), indent=2), sys.stdout)
    else:
        from flytewarm.cli import interface

        exits.say(interface.describe_text(task), sys.stdout)
    return exits.OK
