"""The messages that the server handles: literal maps are passed on as the bytes that came (flytewarm_api.opaque).

To be imported instead of the generated modules, whose messages these do not mix with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flyteidl.core import errors_pb2
    from google.protobuf import timestamp_pb2
    from google.rpc import status_pb2

    from flytewarm_api.v1 import execution_pb2, settings_pb2, task_executor_pb2, worker_pool_pb2
    from flytewarm_api.worker.v1 import frames_pb2
else:
    from flyteidl.core import errors_pb2

    from flytewarm_api.opaque import OpaqueMessages
    from flytewarm_api.v1 import worker_pool_pb2
    from flytewarm_api.worker.v1 import frames_pb2

    _messages = OpaqueMessages(frames_pb2.DESCRIPTOR, worker_pool_pb2.DESCRIPTOR, errors_pb2.DESCRIPTOR)
    errors_pb2 = _messages.module("flyteidl/core/errors.proto")
    execution_pb2 = _messages.module("flytewarm_api/v1/execution.proto")
    frames_pb2 = _messages.module("flytewarm_api/worker/v1/frames.proto")
    settings_pb2 = _messages.module("flytewarm_api/v1/settings.proto")
    status_pb2 = _messages.module("google/rpc/status.proto")
    task_executor_pb2 = _messages.module("flytewarm_api/v1/task_executor.proto")
    timestamp_pb2 = _messages.module("google/protobuf/timestamp.proto")
    worker_pool_pb2 = _messages.module("flytewarm_api/v1/worker_pool.proto")

__all__ = [
    "errors_pb2",
    "execution_pb2",
    "frames_pb2",
    "settings_pb2",
    "status_pb2",
    "task_executor_pb2",
    "timestamp_pb2",
    "worker_pool_pb2",
]
