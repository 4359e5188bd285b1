"""flytewarm: runs flytekit tasks on interpreters that are already warm.

    from flytewarm import Executor

    with Executor("127.0.0.1:8700") as executor:
        executor.run("my_module.add", a=1, b=2)

This package is the client. It never imports flytekit or the tasks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flytewarm.aio import AsyncExecutor
    from flytewarm.credentials import Credentials
    from flytewarm.enums import ErrorCause, ExecutionState, Isolation, OnDisconnect
    from flytewarm.errors import (
        AlreadyExists,
        CallCancelled,
        CallError,
        DeadlineExceeded,
        FailedPrecondition,
        FlytewarmError,
        FuturesReturned,
        InvalidRequest,
        NotFound,
        NotImplementedByService,
        OutOfRange,
        PermissionDenied,
        ResourceExhausted,
        StreamIncomplete,
        TaskCancelled,
        TaskFailed,
        TaskTimedOut,
        Unauthenticated,
        Unavailable,
        WorkerLost,
    )
    from flytewarm.executor import Executor
    from flytewarm.requests import RunOptions

__all__ = [
    "AlreadyExists",
    "AsyncExecutor",
    "CallCancelled",
    "CallError",
    "Credentials",
    "DeadlineExceeded",
    "ErrorCause",
    "ExecutionState",
    "Executor",
    "FailedPrecondition",
    "FlytewarmError",
    "FuturesReturned",
    "InvalidRequest",
    "Isolation",
    "NotFound",
    "NotImplementedByService",
    "OnDisconnect",
    "OutOfRange",
    "PermissionDenied",
    "ResourceExhausted",
    "RunOptions",
    "StreamIncomplete",
    "TaskCancelled",
    "TaskFailed",
    "TaskTimedOut",
    "Unauthenticated",
    "Unavailable",
    "WorkerLost",
]

_ELSEWHERE = {
    "AsyncExecutor": "aio",
    "Credentials": "credentials",
    "ErrorCause": "enums",
    "ExecutionState": "enums",
    "Executor": "executor",
    "Isolation": "enums",
    "OnDisconnect": "enums",
    "RunOptions": "requests",
}


def __getattr__(name: str) -> Any:
    # The command line imports this package before it knows what it is asked for; gRPC would be most of its start-up.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_ELSEWHERE.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
