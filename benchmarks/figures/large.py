"""Large values: 1, 10 and 100 MB in and out, against a bare gRPC echo of the same bytes."""

import contextlib
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
from flyteidl.core.literals_pb2 import Literal, LiteralMap, Primitive, Scalar

import floor
from blocking_client import Client, client_of
from figures.found import found, ratio
from flytewarm_api.v1.task_executor_pb2 import ExecuteTaskRequest, TaskReference
from showcase.service import Service
from timings import time_calls
from turns import in_all_orders, take_turns

_APP = Path(__file__).resolve().parent.parent / "app"
_MODULE = "benchmark_tasks"
_OPTIONS = ("--max-message-bytes", str(floor.MAX_MESSAGE_BYTES))
# In MB, with the number of turns and the calls in each: 100 MB take seconds, and more the first time.
_SIZES = {1: (12, 10), 10: (8, 4), 100: (4, 1)}
_TIMEOUT_S = 60.0


def measure() -> dict[str, Any]:
    """Echo and execution take turns."""
    made: dict[str, Any] = {}
    with _running() as (channel, client):
        for megabytes, (turns, calls) in _SIZES.items():
            made |= _measure(channel, client, megabytes, turns, calls)
    return made


@contextlib.contextmanager
def _running() -> Iterator[tuple[grpc.Channel, Client]]:
    """The floor and the service."""
    with contextlib.ExitStack() as stack:
        target = f"unix:{tempfile.mkdtemp()}/s.sock"
        stack.enter_context(floor.running_floor([target]))
        channel = stack.enter_context(grpc.insecure_channel(target, options=floor.OPTIONS))
        service = stack.enter_context(Service(app_dir=_APP, preload=_MODULE, options=_OPTIONS))
        yield channel, stack.enter_context(client_of(service))


def _measure(channel: grpc.Channel, client: Client, megabytes: int, turns: int, calls: int) -> dict[str, Any]:
    text = Literal(scalar=Scalar(primitive=Primitive(string_value="x" * (megabytes * 1_000_000))))
    asked = ExecuteTaskRequest(task=TaskReference(name=f"{_MODULE}.same"), literals=LiteralMap(literals={"text": text}))
    if client.execute(asked).outcome.outputs.literals.literals["o0"] != text:
        raise RuntimeError("the task did not return what it was given")
    both: dict[str, Callable[[], object]] = {
        "echo": _echo(channel, asked.SerializeToString()),
        "ExecuteTask": client.caller(asked),
    }
    orders = in_all_orders(both, turns)
    medians = take_turns(orders, lambda name: statistics.median(time_calls(both[name], calls, warm_up=1)))
    size = f"{megabytes} MB in and out"
    return {
        **{f"{name}, {size}": found("ms", values) for name, values in medians.items()},
        f"ExecuteTask / echo, {size}": ratio(medians["ExecuteTask"], medians["echo"]),
    }


def _echo(channel: grpc.Channel, payload: bytes) -> Callable[[], object]:
    stream = channel.unary_stream(floor.STREAM)
    return lambda: list(stream(payload, timeout=_TIMEOUT_S))
