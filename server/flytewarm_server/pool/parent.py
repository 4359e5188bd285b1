"""The zygote as its workers' parent: it forks them, each step within a deadline, and alone may signal them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import structlog

from flytewarm_api.worker import stacks, wake
from flytewarm_server.messages import frames_pb2
from flytewarm_server.pool.states import WorkerState
from flytewarm_server.pool.watch_budget import WatchBudget
from flytewarm_server.pool.worker import Worker

_log = structlog.get_logger(__name__)
# How long a zygote may take to fork, in seconds.
_FORK_SECONDS = 10.0
# How long it may take until a worker that is killed has ended, in seconds.
_KILL_SECONDS = 10.0


class Zygote(Protocol):
    """Who forks the workers, and alone may signal them."""

    @property
    def serves(self) -> bool:
        """Whether it takes commands now."""

    def command(self, command: frames_pb2.ZygoteCommand, fds: list[int] | None = None) -> None:
        """Sends a command with descriptors, if it takes any."""

    def lose(self, reason: str) -> None:
        """Gives it up: nothing comes of it any more."""


class Parent:
    """Of the workers of one environment."""

    def __init__(
        self,
        zygote: Zygote,
        directory: Path,
        start_timeout: float,
        max_growth: int,
        service: Callable[[], str],
        watches: WatchBudget,
    ) -> None:
        """`directory` gets a directory for each worker. `start_timeout`: what a worker gets to become ready, in
        seconds; `max_growth`: bytes by which its memory may grow before it asks to be replaced, 0 for no limit;
        `service`: where tasks find this service (addresses.py); `watches`: those of all workers of the service."""
        self._zygote = zygote
        self._directory = directory
        self._start_timeout = start_timeout
        self._max_growth = max_growth
        self._service = service
        self._watches = watches

    async def fork(self, worker: Worker) -> None:
        """Has a worker forked, and gives it up when it does not come. Raises OSError."""
        directory = self._directory / worker.name
        directory.mkdir(mode=0o700, parents=True)
        ends = await worker.open()
        try:
            command = frames_pb2.ForkWorker(
                name=worker.name,
                directory=str(directory),
                max_growth_bytes=self._max_growth,
                service=self._service(),
                may_watch=self._watches.take(worker.exited),
            )
            self._zygote.command(frames_pb2.ZygoteCommand(fork_worker=command), ends)
        finally:
            for fd in ends:
                os.close(fd)
        loop = asyncio.get_running_loop()
        loop.call_later(_FORK_SECONDS, self._expect_forked, worker)
        loop.call_later(self._start_timeout, self._expect_ready, worker)

    def signal(self, worker: Worker, number: signal.Signals) -> None:
        """Signals a worker's process group, through its parent: nobody else can be hit."""
        if worker.pid:
            self._signal(worker, number, alone=False)
            if number == signal.SIGKILL:
                asyncio.get_running_loop().call_later(_KILL_SECONDS, self._expect_ended, worker)

    def ask_for_stacks(self, worker: Worker) -> None:
        """Has a worker write the stacks of its threads."""
        self._signal(worker, stacks.SIGNAL, alone=True)

    def wake(self, worker: Worker) -> None:
        """Has a worker look whether it was signalled."""
        self._signal(worker, wake.SIGNAL, alone=True)

    def _signal(self, worker: Worker, number: int, *, alone: bool) -> None:
        command = frames_pb2.SignalWorker(pid=worker.pid, signal=number, alone=alone)
        self._zygote.command(frames_pb2.ZygoteCommand(signal_worker=command))

    def _expect_ended(self, worker: Worker) -> None:
        if not worker.exited.done() and self._zygote.serves:
            self._zygote.lose(f"worker {worker.name} was not ended within {_KILL_SECONDS} s")

    def _expect_forked(self, worker: Worker) -> None:
        if worker.pid == 0 and worker.state is WorkerState.STARTING and self._zygote.serves:
            self._zygote.lose(f"its zygote did not fork a worker within {_FORK_SECONDS} s")

    def _expect_ready(self, worker: Worker) -> None:
        if worker.state is WorkerState.STARTING:
            limit = self._start_timeout
            _log.error("worker not ready", worker=worker.name, reason=f"within {limit} s (--start-timeout)")
            self.signal(worker, signal.SIGKILL)
