"""Tasks in a module with hooks for its workers."""

import asyncio
import json
import os
import signal
import sys
import threading

from flytekit import current_context, task

from flytewarm.worker import on_cancel, on_worker_start

_started: list[str] = []


@on_worker_start
def first() -> None:
    _started.append("first")
    os.environ["SET_BY_A_HOOK"] = str(os.getpid())


@on_worker_start
def second() -> None:
    _started.append("second")
    # Belongs to the worker: it is none that an execution has left.
    threading.Thread(target=threading.Event().wait, name="of a hook", daemon=True).start()


@on_cancel
def of_the_module() -> None:
    print(f"of the module, in {current_context().execution_id.name}")


@task
def started() -> str:
    """What the hooks have done, and in which process."""
    return json.dumps({"hooks": _started, "set": os.environ.get("SET_BY_A_HOOK"), "pid": os.getpid()})


@task
def waits(fifo: str) -> str:
    return _wait_on(fifo)


@task
async def awaits(fifo: str) -> str:
    """Waits in the event loop, whose thread runs the hooks."""
    _open(fifo)
    await asyncio.sleep(3600)
    return ""


@task
def waits_with(hooks: list[str], fifo: str, hook_fifo: str = "") -> str:
    """Registers hooks that behave as their names say, then waits on the FIFO."""
    kinds = {
        "prints": lambda: print("of the task"),
        "raises": lambda: int("of the task"),
        "exits": lambda: sys.exit("of the task"),
        "waits": lambda: print(f"of the task: {_wait_on(hook_fifo)}"),
    }
    for name in hooks:
        on_cancel(kinds[name])
    return _wait_on(fifo)


@task
def forks_and_waits(fifo: str) -> str:
    """Has a child that is signalled with the worker, and that must not run the worker's hooks."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    return _wait_on(fifo)


@task
def waits_deaf(fifo: str) -> str:
    """The signal comes to another thread: nothing interrupts what the main thread waits in."""
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    return _wait_on(fifo)


def _open(fifo: str) -> None:
    with open(fifo):
        pass


def _wait_on(fifo: str) -> str:
    with open(fifo) as pipe:
        return pipe.read()
