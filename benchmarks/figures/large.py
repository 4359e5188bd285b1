"""Large values: 10 MB in and 10 MB out, against a bare gRPC echo of the same bytes."""

import contextlib
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from flyteidl.core.literals_pb2 import Literal, LiteralMap, Primitive, Scalar

import floor
from figures.client import client_of
from figures.found import found
from flytewarm_api.v1.task_executor_pb2 import ExecuteTaskRequest, TaskReference
from showcase.service import Service
from timings import time_calls

_APP = Path(__file__).resolve().parent.parent / "app"
_BYTES = 10_000_000
_MODULE = "benchmark_tasks"
_OPTIONS = ("--max-message-bytes", str(floor.MAX_MESSAGE_BYTES))


def measure(rounds: int = 6, calls: int = 4) -> dict[str, Any]:
    """The two take turns."""
    text = Literal(scalar=Scalar(primitive=Primitive(string_value="x" * _BYTES)))
    asked = ExecuteTaskRequest(task=TaskReference(name=f"{_MODULE}.same"), literals=LiteralMap(literals={"text": text}))
    payload = asked.SerializeToString()
    medians: list[tuple[float, float]] = []
    with contextlib.ExitStack() as stack:
        target = f"unix:{tempfile.mkdtemp()}/s.sock"
        stack.enter_context(floor.running_floor([target]))
        channel = stack.enter_context(grpc.insecure_channel(target, options=floor.OPTIONS))
        service = stack.enter_context(Service(app_dir=_APP, preload=_MODULE, options=_OPTIONS))
        client = stack.enter_context(client_of(service))
        if client.execute(asked).outcome.outputs.literals.literals["o0"] != text:
            raise RuntimeError("the task did not return what it was given")
        both: tuple[Callable[[], object], ...] = (_echo(channel, payload), client.caller(asked))
        for _ in range(rounds):
            echo, execute = (statistics.median(time_calls(call, calls, warm_up=1)) for call in both)
            medians.append((echo, execute))
    return {
        "echo of 10 MB": found("ms", [echo for echo, _ in medians]),
        "ExecuteTask, 10 MB in and out": found("ms", [execute for _, execute in medians]),
        "ExecuteTask / echo": found("ratio", [execute / echo for echo, execute in medians]),
    }


def _echo(channel: grpc.Channel, payload: bytes) -> Callable[[], object]:
    stream = channel.unary_stream(floor.STREAM)
    return lambda: list(stream(payload, timeout=60))
