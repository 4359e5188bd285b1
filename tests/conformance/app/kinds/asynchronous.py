"""Tasks that are coroutines."""

import asyncio
import contextvars

from flytekit import current_context, task

from conformance import EVERYWHERE, Case

_variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@task
async def double(a: int) -> int:
    await asyncio.sleep(0)
    return a * 2


@task
def plain(a: int) -> int:
    return a + 1


@task
async def gathered(n: int) -> list[int]:
    return list(await asyncio.gather(*(_times(number) for number in range(n))))


async def _times(number: int) -> int:
    await asyncio.sleep(0)
    return number * 10


@task
async def awaits_a_task(a: int) -> int:
    return await double(a=a)


@task
async def gathers_tasks(a: int) -> list[int]:
    return list(await asyncio.gather(double(a=a), double(a=a + 1)))


@task
async def calls_plain(a: int) -> int:
    return plain(a=a)


@task
async def fails(a: int) -> int:
    await asyncio.sleep(0)
    raise ValueError(f"in a coroutine, {a}")


@task
async def one_of_many_fails() -> list[int]:
    return list(await asyncio.gather(_times(1), _raises()))


async def _raises() -> int:
    raise LookupError("one of many")


@task
async def times_out() -> int:
    await asyncio.wait_for(asyncio.Event().wait(), timeout=0.01)
    return 1


@task
async def cancelled() -> int:
    waiting = asyncio.ensure_future(asyncio.Event().wait())
    await asyncio.sleep(0)
    waiting.cancel()
    await waiting
    return 1


@task
async def sees_context() -> str:
    # What one execution sets must not be seen by the next.
    before = _variable.get()
    _variable.set("set")
    return f"{before} {current_context().execution_id.name} {asyncio.get_running_loop().is_running()}"


@task
def runs_a_loop(a: int) -> int:
    return asyncio.run(_times(a))


@task
def in_a_thread(a: int) -> int:
    return asyncio.run(asyncio.to_thread(lambda: a + 1))


CASES = [
    Case("double", {"a": 1}, proves=("PythonTask.execute",), storage=EVERYWHERE),
    Case("gathered", {"n": 3}),
    Case("awaits_a_task", {"a": 1}),
    Case("gathers_tasks", {"a": 1}),
    Case("calls_plain", {"a": 1}),
    Case("fails", {"a": 1}, ends_with="error"),
    Case("one_of_many_fails", ends_with="error"),
    Case("times_out", ends_with="error"),
    Case("cancelled", ends_with="error"),
    Case("sees_context"),
    Case("runs_a_loop", {"a": 1}),
    Case("in_a_thread", {"a": 1}),
]
