"""The service, over TCP and Unix sockets, and beside it the floor: turns between these two are short."""

import asyncio
import contextlib
import functools
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import grpc.aio

import floor
from addition import EXAMPLES, INPUT_BYTES, MODULE, check, request
from blocking_client import client_of
from flytewarm_api.v1.settings_pb2 import ISOLATION_CONTEXT, ISOLATION_PROCESS, Isolation
from flytewarm_api.v1.task_executor_pb2_grpc import TaskExecutorStub
from processes import tree
from showcase.service import Service, free_port
from systems.base import CALLERS, System, Target
from systems.pipeline import Pipeline

Call = Callable[[], Awaitable[None]]
_PACED_CALLS, _PACE_S = 20, 0.1
# The Unix socket is measured with all.
_CALLERS_TCP = (8, 64)


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[System]:
    """Starts the service with two workers, and the floor's server."""
    async with contextlib.AsyncExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="fl-"))
        floors = {"unix": f"unix:{directory}/s.sock", "tcp": f"127.0.0.1:{free_port()}"}
        floor_pid = stack.enter_context(floor.running_floor(list(floors.values())))
        floor_processes = functools.partial(tree, floor_pid)
        service = stack.enter_context(Service(app_dir=EXAMPLES, preload=MODULE, with_tcp=True))
        services = {"unix": service.target, "tcp": service.tcp_target}
        targets: dict[str, Target] = {}
        for name, address in floors.items():
            echo = _EchoClient(await stack.enter_async_context(grpc.aio.insecure_channel(address)))
            stack.push_async_callback(echo.open.close)
            targets |= echo.targets(name, floor_processes)
        processes = functools.partial(tree, service.pid)
        for name, address in services.items():
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
            targets |= _execute_task(TaskExecutorStub(channel), name, processes)
            pipeline = await stack.enter_async_context(Pipeline(TaskExecutorStub(channel)))
            targets[f"ExecuteTasks {name}"] = Target(pipeline.call, processes, callers=_callers(name))
        workers = functools.partial(asyncio.to_thread, _worker_pids, service)
        yield System(targets, workers, processes, {"echo server": floor_processes})


def _worker_pids(service: Service) -> list[int]:
    """The processes of the service's workers, of all environments."""
    with client_of(service) as client:
        return [worker.pid for environment in client.environments() for worker in environment.workers]


class _EchoClient:
    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._unary = channel.unary_unary(floor.UNARY)
        self._stream = channel.unary_stream(floor.STREAM)
        self.open = floor.OpenStream(channel)

    def targets(self, name: str, processes: Callable[[], set[int]]) -> dict[str, Target]:
        calls = {"unary": self._call_unary, "stream": self._call_stream, "bidi": self._call_bidi}
        made = {f"echo {kind} {name}": Target(call, processes, callers=_callers(name)) for kind, call in calls.items()}
        if name == "unix":
            made[f"echo stream paced {name}"] = Target(self._call_stream, processes, _PACED_CALLS, _PACE_S, callers=())
        return made

    async def _call_unary(self) -> None:
        _same(await self._unary(INPUT_BYTES))

    async def _call_stream(self) -> None:
        async for answer in self._stream(INPUT_BYTES):
            _same(answer)

    async def _call_bidi(self) -> None:
        _same(await self.open.echo(INPUT_BYTES))


def _callers(transport: str) -> tuple[int, ...]:
    return _CALLERS_TCP if transport == "tcp" else CALLERS


def _same(answer: bytes) -> None:
    if answer != INPUT_BYTES:
        raise RuntimeError(f"the floor answered {answer!r}")


def _execute_task(stub: TaskExecutorStub, name: str, processes: Callable[[], set[int]]) -> dict[str, Target]:
    context, process = (_caller(stub, isolation) for isolation in (ISOLATION_CONTEXT, ISOLATION_PROCESS))
    made = {
        f"ExecuteTask {name}": Target(context, processes, callers=_callers(name)),
        # At full speed its rate is that at which workers can be forked.
        f"ExecuteTask PROCESS {name}": Target(process, processes, calls=40, callers=()),
    }
    if name == "unix":
        made[f"ExecuteTask PROCESS {name}"] = Target(process, processes, calls=40)
        made[f"ExecuteTask paced {name}"] = Target(context, processes, _PACED_CALLS, _PACE_S, callers=())
        made[f"ExecuteTask PROCESS paced {name}"] = Target(process, processes, _PACED_CALLS, _PACE_S, callers=())
    return made


def _caller(stub: TaskExecutorStub, isolation: Isolation) -> Call:
    message = request(isolation)

    async def call() -> None:
        answers = [answer async for answer in stub.ExecuteTask(message)]
        check(answers[-1].events[-1])

    return call
