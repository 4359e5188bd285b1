"""Tasks that call the service that runs them."""

import asyncio
import os
import subprocess
import sys
import threading

from flytekit import task

from flytewarm import AsyncExecutor, Executor
from flytewarm.worker import service_variables


@task
def depth_below(target: str, levels: int) -> int:
    """How many levels there are below this execution, as each of them tells."""
    if levels == 0:
        return 0
    with Executor(target) as executor:
        return 1 + executor.run("nested.depth_below", target=target, levels=levels - 1)


@task
async def from_a_coroutine(target: str) -> int:
    async with AsyncExecutor(target) as executor:
        return await executor.run("basic.add", a=1, b=2)


@task
def from_a_thread(target: str) -> list[int]:
    found: list[int] = []

    def run() -> None:
        with Executor(target) as executor:
            found.append(executor.run("basic.add", a=1, b=2))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found


@task
def targets_by_default() -> list[str]:
    """Where the clients look for the service, and what variables of the service's a task has."""
    found = [name for name in os.environ if name.startswith("FLYTEWARM_") and name != "FLYTEWARM_TARGET"]
    with Executor() as executor:
        return [executor.target, AsyncExecutor().target, Executor("h:1").target, *found]


@task
def depth_without_a_target(levels: int) -> int:
    if levels == 0:
        return 0
    with Executor() as executor:
        return 1 + executor.run("nested.depth_without_a_target", levels=levels - 1)


@task
def from_a_program(levels: int) -> str:
    """What a program prints that this task starts, and that the task which it runs has started."""
    if levels == 0:
        return "reached"
    program = "from flytewarm.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-c", program, "run", "nested.from_a_program", "--levels", str(levels - 1)]
    variables = {**os.environ, **service_variables()}
    ended = subprocess.run(command, env=variables, stdout=subprocess.PIPE, text=True, check=True)
    return ended.stdout.strip().strip('"')


@task
def described(target: str) -> str:
    with Executor(target) as executor:
        return executor.describe("basic.add").name


@task
def meets(target: str, fifo: str, name: str) -> str:
    """Waits on the FIFO, then has the service run another task."""
    with open(fifo) as pipe:
        pipe.read()
    with Executor(target) as executor:
        return str(executor.run(name))


@task
def fans_out(target: str, count: int) -> list[int]:
    """The processes in which so many children ran, all of them asked for at once."""

    async def run() -> list[int]:
        async with AsyncExecutor(target) as executor:
            return list(await asyncio.gather(*(executor.run("nested.pid") for _ in range(count))))

    return asyncio.run(run())


@task
def maps(target: str, count: int) -> list[int]:
    """Has the service run another task so many times, over one call."""
    with Executor(target) as executor:
        return list(executor.map("basic.add", ({"a": number, "b": 1} for number in range(count))))


@task
def pid() -> int:
    return os.getpid()
