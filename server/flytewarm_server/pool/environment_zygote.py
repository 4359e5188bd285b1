"""The server's side of an environment's zygote, from its fork on."""

from __future__ import annotations

import signal
from collections.abc import Callable

from flytewarm_server.messages import frames_pb2
from flytewarm_server.pool.zygote import BaseZygote, ReportHandler, ZygoteControl


class EnvironmentZygote:
    """One that was forked. It imports nothing until it is told what."""

    def __init__(self, base: BaseZygote) -> None:
        """To be made by fork()."""
        #: Its process id, once it has told; else 0.
        self.pid = 0
        self.control = ZygoteControl(self._told, self._ended)
        self._base = base
        self._on_report: ReportHandler | None = None
        self._on_gone: Callable[[], None] | None = None

    @classmethod
    def fork(cls, base: BaseZygote) -> EnvironmentZygote | None:
        """Has one forked. None when the base zygote takes no commands."""
        zygote = cls(base)
        command = frames_pb2.ZygoteCommand(fork_environment=frames_pb2.ForkEnvironment())
        if not base.control.send(command, [zygote.control.remote.fileno()]):
            zygote.control.close()
            return None
        zygote.control.give_away()
        return zygote

    def load(self, command: frames_pb2.LoadEnvironment, on_report: ReportHandler, on_gone: Callable[[], None]) -> bool:
        """Has it import an environment's code, once. False when it takes no commands.

        `on_report` gets what it reports from then on, `on_gone` is called once, when it has ended by itself.
        """
        self._on_report, self._on_gone = on_report, on_gone
        return self.control.send(frames_pb2.ZygoteCommand(load_environment=command))

    def end(self) -> None:
        """Ends it, and what it has forked."""
        self.control.close()
        # One that hangs in the environment's code never looks at its control socket.
        if self.pid:
            command = frames_pb2.SignalWorker(pid=self.pid, signal=signal.SIGKILL)
            self._base.control.send(frames_pb2.ZygoteCommand(signal_worker=command))
            self.pid = 0

    def _told(self, report: frames_pb2.ZygoteReport) -> None:
        if report.WhichOneof("report") == "forked" and not report.forked.name:
            self.pid = report.forked.pid
        elif self._on_report is not None:
            self._on_report(report)

    def _ended(self) -> None:
        if self._on_gone is not None:
            self._on_gone()
