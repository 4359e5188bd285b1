"""Eager tasks: coroutines whose calls of tasks are executions of the backend; here there is none."""

import asyncio
import signal

from flytekit import FlyteContextManager, current_context, eager, task

from conformance import EVERYWHERE, Case


@task
def add_one(a: int) -> int:
    return a + 1


@eager
async def calls_nothing(a: int) -> int:
    await asyncio.sleep(0)
    return a * 2


@eager
async def sees_context(a: int) -> list[str]:
    context = FlyteContextManager.current_context()
    assert context.execution_state is not None
    assert context.worker_queue is not None
    return [
        str(context.execution_state.mode),
        current_context().execution_id.name,
        context.worker_queue.tag,
        context.worker_queue.exec_prefix,
        str(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL),
    ]


@eager
async def fails(a: int) -> int:
    await asyncio.sleep(0)
    raise ValueError(f"in an eager task, {a}")


# Its controller is a thread that outlives the execution.
CASES = [
    Case("calls_nothing", {"a": 3}, storage=EVERYWHERE, keeps_worker=False),
    Case("sees_context", {"a": 3}, keeps_worker=False),
    Case("fails", {"a": 3}, ends_with="error", keeps_worker=False),
]
