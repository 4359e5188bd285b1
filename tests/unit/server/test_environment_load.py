"""An environment whose zygote is unfit to fork gets another one, and is not lost with the first."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from unittest.mock import Mock

import pytest

from flytewarm_api.worker.framing import FrameDecoder, encode_frame
from flytewarm_server.messages import frames_pb2
from flytewarm_server.pool.environment import Code, Environment, EnvironmentBrokenError, EnvironmentSpec
from flytewarm_server.pool.sizing import Bounds
from flytewarm_server.pool.states import EnvironmentState
from flytewarm_server.pool.workers import WorkerTerms

UNFIT = frames_pb2.ZygoteReport(broken=frames_pb2.ZygoteBroken(reason="threads: a", unfit="threads"))
READY = frames_pb2.ZygoteReport(ready=frames_pb2.ZygoteReady(pid=1))


class Base:
    """Stands in for a base zygote: the first zygote reports `first`, and ends if that is UNFIT; the next is ready."""

    def __init__(self, first: frames_pb2.ZygoteReport = UNFIT) -> None:
        self.control = self
        self._first = first
        self._open: list[socket.socket] = []

    def send(self, _command: frames_pb2.ZygoteCommand, fds: list[int] | None = None) -> bool:
        if fds:
            self._open.append(socket.socket(fileno=os.dup(fds[0])))
            self._report(READY if len(self._open) > 1 else self._first)
        return True

    @property
    def execs(self) -> list[bool]:
        """Of each zygote, whether it was told to exec its workers."""
        return [self._told(one).exec_workers for one in self._open]

    @staticmethod
    def _told(zygote: socket.socket) -> frames_pb2.LoadEnvironment:
        (frame,) = FrameDecoder(1 << 20).feed(zygote.recv(1 << 20))
        return frames_pb2.ZygoteCommand.FromString(frame).load_environment

    def become_unfit(self) -> None:
        self._report(UNFIT)

    def _report(self, report: frames_pb2.ZygoteReport) -> None:
        self._open[-1].sendall(encode_frame(report.SerializeToString()))
        if report is UNFIT:
            self._open[-1].shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for one in self._open:
            one.close()


def _environment(tmp_path: Path, start_method: str) -> Environment:
    terms = WorkerTerms(Bounds(0, 1), 60.0, 1 << 20, start_method=start_method)
    owner = Mock(**{"demand.return_value": Mock(executions=0, fresh=0, nested=0)})
    return Environment(EnvironmentSpec("python", "/app", ()), Code("/app"), owner, tmp_path, terms, Mock(), Mock())


async def test_auto_loads_it_again_with_exec(tmp_path: Path) -> None:
    environment, base = _environment(tmp_path, "auto"), Base()
    await environment.load(base)  # type: ignore[arg-type]
    assert base.execs == [False, True]
    await asyncio.sleep(0)
    assert environment.state is EnvironmentState.READY
    assert not environment.gone.is_set()
    assert (environment.start_method.reason, environment.reason) == ("threads: a", "")
    await environment.close()
    base.close()


async def test_one_that_becomes_unfit_later_does_not_refuse_work_meanwhile(tmp_path: Path) -> None:
    environment, base = _environment(tmp_path, "auto"), Base(first=READY)
    await environment.load(base)  # type: ignore[arg-type]
    base.become_unfit()
    await environment.gone.wait()
    assert (environment.state, environment.refuses) == (EnvironmentState.BROKEN, False)
    await environment.load(base)  # type: ignore[arg-type]
    assert base.execs == [False, True]
    await environment.close()
    base.close()


async def test_fork_leaves_it_broken(tmp_path: Path) -> None:
    environment, base = _environment(tmp_path, "fork"), Base()
    with pytest.raises(EnvironmentBrokenError, match=r"^threads: a \(--start-method is fork\)$"):
        await environment.load(base)  # type: ignore[arg-type]
    assert environment.state is EnvironmentState.BROKEN
    assert base.execs == [False]
    await environment.close()
