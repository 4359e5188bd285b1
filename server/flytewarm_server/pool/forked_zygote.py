"""The server's side of a zygote that was forked from another one."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Protocol

from flytewarm_server.messages import frames_pb2
from flytewarm_server.pool.zygote import ReportHandler, ZygoteControl


class Origin(Protocol):
    """A zygote from which others are forked."""

    control: ZygoteControl


class ForkedZygote:
    """It imports nothing until it is told what."""

    def __init__(self, origin: Origin) -> None:
        """To be made by fork()."""
        #: Its process id, once it has told; else 0.
        self.pid = 0
        self.control = ZygoteControl(self._told, self._ended)
        self._origin = origin
        self._on_report: ReportHandler | None = None
        self._on_gone: Callable[[], None] | None = None

    @classmethod
    def fork(cls, origin: Origin) -> ForkedZygote | None:
        """Has one forked. None when `origin` takes no commands."""
        zygote = cls(origin)
        command = frames_pb2.ZygoteCommand(fork_zygote=frames_pb2.ForkZygote())
        if not origin.control.send(command, [zygote.control.remote.fileno()]):
            zygote.control.close()
            return None
        zygote.control.give_away()
        return zygote

    def load(self, command: frames_pb2.ZygoteCommand, on_report: ReportHandler, on_gone: Callable[[], None]) -> bool:
        """Has it import something, once. False when it takes no commands.

        `on_report` gets what it reports from then on, `on_gone` is called once, when it has ended by itself.
        """
        self._on_report, self._on_gone = on_report, on_gone
        return self.control.send(command)

    def end(self) -> None:
        """Ends it, and what it has forked."""
        self.control.close()
        # One that hangs in what it imports never looks at its control socket.
        if self.pid:
            command = frames_pb2.SignalWorker(pid=self.pid, signal=signal.SIGKILL)
            self._origin.control.send(frames_pb2.ZygoteCommand(signal_worker=command))
            self.pid = 0

    def _told(self, report: frames_pb2.ZygoteReport) -> None:
        # The first is itself, others are zygotes that it has forked.
        if report.WhichOneof("report") == "forked" and not report.forked.name:
            self.pid = self.pid or report.forked.pid
        elif self._on_report is not None:
            self._on_report(report)

    def _ended(self) -> None:
        if self._on_gone is not None:
            self._on_gone()
