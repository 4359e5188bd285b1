"""`flytewarm status`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flytewarm.cli import arguments, exits, service, tables

if TYPE_CHECKING:
    from flytewarm.executor import Executor
    from flytewarm_api.v1 import worker_pool_pb2

# A service that is asked how it is should say so soon; one that hangs is as good as none.
_TIMEOUT_S = 10.0


def main(argv: list[str]) -> int:
    """Runs the command and returns its exit code: 0 if the service serves, 1 if it does not, 3 if there is none.

    With --live: 0 if it answers at all.
    """
    parser = arguments.make_parser(
        "status",
        "Tells whether the service serves (exit code 0; 1 if not, 3 if nobody answers), and with which workers.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--live", action="store_true", help="ask only whether it answers: exit code 0 also when it does not serve"
    )
    options = parser.parse_args(argv)
    with service.connect(options, _TIMEOUT_S) as executor:
        serving = executor.is_serving()
        capabilities, environments = (None, []) if options.live else _pool(executor, serving)
    if options.json:
        exits.say(_json(serving, capabilities, environments), sys.stdout)
    else:
        exits.say("\n".join(_lines(executor.target, serving, capabilities, environments)), sys.stdout)
    return exits.OK if serving or options.live else exits.FAILED


_Pool = tuple["worker_pool_pb2.GetCapabilitiesResponse | None", "list[worker_pool_pb2.EnvironmentStatus]"]


def _pool(executor: Executor, serving: bool) -> _Pool:
    from flytewarm.errors import CallError

    try:
        return executor.capabilities(), executor.environments()
    except CallError:
        if serving:
            raise
        return None, []  # one that starts or stops may refuse everything but the question for its health


def _lines(
    target: str,
    serving: bool,
    capabilities: worker_pool_pb2.GetCapabilitiesResponse | None,
    environments: list[worker_pool_pb2.EnvironmentStatus],
) -> Iterator[str]:
    yield f"{target}: {'SERVING' if serving else 'NOT SERVING'}"
    if capabilities is not None:
        yield f"flytewarm    {capabilities.version}"
        yield f"flytekit     {capabilities.flytekit_version or 'not known yet'}"
        yield f"Python       {capabilities.python_version or 'not known yet'}"
        yield f"workers      {capabilities.workers}"
        yield f"max queue    {capabilities.max_queue}"
        yield f"max message  {capabilities.max_message_bytes} bytes"
    for environment in environments:
        yield ""
        yield from _environment_lines(environment)


def _environment_lines(environment: worker_pool_pb2.EnvironmentStatus) -> Iterator[str]:
    from flytewarm_api.v1 import worker_pool_pb2

    state = worker_pool_pb2.EnvironmentState.Name(environment.state).removeprefix("ENVIRONMENT_STATE_")
    reason = f": {environment.reason}" if environment.reason else ""
    yield f"environment {environment.key}: {state}, {environment.queued} waiting{reason}"
    if environment.start_method == worker_pool_pb2.START_METHOD_EXEC:
        yield f"  workers are exec'd, not forked: {environment.start_method_reason}"
    rows = [("WORKER", "PID", "STATE", "SERVED", "MIB AT START", "EXECUTION")]
    for one in environment.workers:
        name = worker_pool_pb2.WorkerState.Name(one.state).removeprefix("WORKER_STATE_")
        memory = str(one.first_memory_bytes >> 20) if one.first_memory_bytes else ""
        rows.append((one.name, str(one.pid), name, str(one.executions), memory, one.execution_id))
    yield from tables.lines(rows, indent="  ")


def _json(
    serving: bool,
    capabilities: worker_pool_pb2.GetCapabilitiesResponse | None,
    environments: list[worker_pool_pb2.EnvironmentStatus],
) -> str:
    from google.protobuf.json_format import MessageToDict

    told: dict[str, Any] = {"serving": serving}
    if capabilities is not None:
        told["capabilities"] = MessageToDict(capabilities)
    told["environments"] = [MessageToDict(one) for one in environments]
    return json.dumps(told, indent=2)
