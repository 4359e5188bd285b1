"""Loads the generated messages and sends one through bytes and back, with whatever protobuf is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import google.protobuf

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "proto"))

from flytewarm_api.v1 import execution_pb2, settings_pb2, task_executor_pb2, worker_pool_pb2
from flytewarm_api.worker.v1 import frames_pb2

request = task_executor_pb2.ExecuteTaskRequest(execution_id="a", inputs_json="{}")
request.literals.literals["a"].scalar.primitive.integer = 2
request.settings.deck.enabled = True
frame = frames_pb2.WorkerRequest(execute=frames_pb2.Execute(execution_id="a"))
frame = frames_pb2.WorkerRequest.FromString(frame.SerializeToString())
assert frame.execute.execution_id == "a"
assert task_executor_pb2.ExecuteTaskRequest.FromString(request.SerializeToString()) == request
print(
    f"protobuf {google.protobuf.__version__} loads",
    *(module.DESCRIPTOR.name for module in (execution_pb2, settings_pb2, worker_pool_pb2)),
)
