"""What tests of faults share: barriers for tasks, calls in the background, a look at processes and at the state."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import grpc
import psutil

from calls import Calls, request
from flytewarm_api.v1 import task_executor_pb2, worker_pool_pb2
from showcase.service import Service

StartService = Callable[..., Service]
# How long something that nobody announces may take to come true, in seconds. Reached only when a test fails.
_PATIENCE_SECONDS = 60.0


class Barrier:
    """A FIFO that a task waits on: entering blocks until the task is there; release() lets it go on."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        os.mkfifo(path)

    def wait_until_reached(self) -> None:
        """Returns once the task has opened the FIFO; the task goes on waiting until release()."""
        self._pipe = os.open(self.path, os.O_WRONLY)

    def release(self, text: str = "released") -> None:
        """Lets the task return `text`."""
        os.write(self._pipe, text.encode())
        os.close(self._pipe)

    def forget(self) -> None:
        """Closes this end, after the task was killed."""
        os.close(self._pipe)


@contextmanager
def running(calls: Calls, made: task_executor_pb2.ExecuteTaskRequest) -> Iterator[Queue[Any]]:
    """Runs a request in a thread; its outcome, or the RPC's error, comes through the queue."""
    results: Queue[Any] = Queue()

    def run() -> None:
        try:
            results.put(calls.outcome(made))
        except grpc.RpcError as error:
            results.put(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield results
    finally:
        thread.join(timeout=_PATIENCE_SECONDS)
        assert not thread.is_alive()


@contextmanager
def queued(calls: Calls, made: task_executor_pb2.ExecuteTaskRequest) -> Iterator[Any]:
    """Sends a request that has to wait; its stream, of which the event `queued` has been read."""
    stream = calls.executor.ExecuteTask(made)
    try:
        assert next(stream).events[0].HasField("queued")
        yield stream
    finally:
        stream.cancel()


def last_outcome(stream: Any) -> Any:
    """The outcome at the end of a stream."""
    return [event for message in stream for event in message.events][-1].outcome


def environment(calls: Calls) -> worker_pool_pb2.EnvironmentStatus:
    """What the service says of its environment."""
    (one,) = calls.pool.ListEnvironments(worker_pool_pb2.ListEnvironmentsRequest()).environments
    return one


def busy_worker(calls: Calls) -> worker_pool_pb2.WorkerStatus:
    """The worker that has an execution."""
    (worker,) = [one for one in environment(calls).workers if one.execution_id]
    return worker


def idle_worker(calls: Calls) -> worker_pool_pb2.WorkerStatus:
    """The only worker, once it is idle."""

    def idle() -> list[worker_pool_pb2.WorkerStatus]:
        return [one for one in environment(calls).workers if one.state == worker_pool_pb2.WORKER_STATE_IDLE]

    wait_for(lambda: bool(idle()))
    (worker,) = idle()
    return worker


def is_ready(calls: Calls) -> bool:
    """Whether the environment serves."""
    return environment(calls).state == worker_pool_pb2.ENVIRONMENT_STATE_READY


def is_broken(calls: Calls) -> bool:
    """Whether the environment is given up for now."""
    return environment(calls).state == worker_pool_pb2.ENVIRONMENT_STATE_BROKEN


def refuses(calls: Calls) -> bool:
    """Whether new work is refused as the service stops."""
    try:
        calls.outcome(request("basic.add", a=1, b=2))
    except grpc.RpcError as error:
        return error.code() == grpc.StatusCode.UNAVAILABLE
    return False


def wait_for(condition: Callable[[], bool], seconds: float = _PATIENCE_SECONDS) -> None:
    """Returns when a condition that nobody announces has come true; the limit only ends a test that fails."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.01)


def count_paths(root: Path) -> int:
    """Files and directories below a directory that others may be changing."""
    return sum(len(directories) + len(files) for _, directories, files in os.walk(root))


def lives(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Launched:
    """A server that need not get as far as serving."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    def read_until(self, text: str) -> str:
        """Reads the log up to the line that has `text`, and returns that."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if text in line:
                return line
        raise AssertionError(f"{text!r} was not logged:\n{''.join(self.lines)}")

    def below(self) -> list[int]:
        """Ids of all processes below the server's."""
        return [one.pid for one in psutil.Process(self.process.pid).children(recursive=True)]

    def end(self) -> int:
        """Reads the rest of the log and returns the exit status."""
        assert self.process.stderr is not None
        self.lines += self.process.stderr
        return self.process.wait(timeout=_PATIENCE_SECONDS)


@contextmanager
def launched(directory: Path, *options: str, python_options: tuple[str, ...] = ()) -> Iterator[Launched]:
    """Starts a server whose temporary files are in `directory`; it is killed at the end when it has not ended."""
    command = [sys.executable, *python_options, "-m", "flytewarm_server", "--workers", "1", *options]
    variables = {**os.environ, "TMPDIR": str(directory)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables) as process:
        try:
            yield Launched(process)
        finally:
            process.kill()
