"""The server's side of a zygote: commands out, reports in; and the process of the base zygote."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flytewarm_api.worker.framing import FrameDecoder, encode_frame
from flytewarm_api.worker.high_fds import duplicate_high
from flytewarm_server.messages import frames_pb2
from flytewarm_server.pool.pipes import PipeReader, line_logger

_CHUNK = 64 << 10
# A report is short, but for the traceback of a broken environment. In bytes.
_LONGEST_REPORT = 1 << 20
# The program of the exec'd interpreter. Not -m: that would put the working directory first on sys.path.
_PROGRAM = "import sys; from flytewarm_worker.zygote import main; main(int(sys.argv[1]), sys.argv[2])"

ReportHandler = Callable[[frames_pb2.ZygoteReport], None]


class ZygoteControl:
    """One zygote's control socket."""

    def __init__(self, on_report: ReportHandler, on_gone: Callable[[], None]) -> None:
        """`on_gone` is called once, when the zygote's end of the socket has closed."""
        self._socket, remote = socket.socketpair()
        self._socket.setblocking(False)
        # The zygote's end; give_away() after it was handed over.
        self.remote = remote
        self._decoder = FrameDecoder(_LONGEST_REPORT)
        self._on_report = on_report
        self._on_gone = on_gone
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._read)
        # Whether either end has closed.
        self.closed = False
        # Of the last command: what the socket had no room for.
        self._unsent = memoryview(b"")

    def give_away(self) -> None:
        """Closes the server's copy of the zygote's end."""
        self.remote.close()

    def send(self, command: frames_pb2.ZygoteCommand, fds: list[int] | None = None) -> bool:
        """Sends a command with descriptors. False when the zygote is gone, or stuck with a full socket."""
        if self.closed or self._unsent:
            return False
        frame = memoryview(encode_frame(command.SerializeToString()))
        try:
            sent = socket.send_fds(self._socket, [frame], fds or [])
        except OSError:
            return False
        self._unsent = frame[sent:]
        if self._unsent:
            # A zygote that got a part would wait for the rest, and take the next command for it.
            self._loop.add_writer(self._socket, self._send_rest)
        return True

    def close(self) -> None:
        """Closes the socket, which ends the zygote; on_gone is not called any more."""
        if not self.closed:
            self.closed = True
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()
            self.remote.close()

    def _send_rest(self) -> None:
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            sent = len(self._unsent)  # the zygote is gone, which the reader notices
        self._unsent = self._unsent[sent:]
        if not self._unsent:
            self._loop.remove_writer(self._socket)

    def _read(self) -> None:
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self.close()
            self._on_gone()
            return
        for payload in self._decoder.feed(data):
            self._on_report(frames_pb2.ZygoteReport.FromString(payload))


@dataclass(frozen=True)
class Interpreter:
    """What a base zygote is started with."""

    python: str
    environment: Mapping[str, str]
    runtime_dir: str


class BaseZygote:
    """The exec'd process from which environments' zygotes are forked."""

    def __init__(self, process: asyncio.subprocess.Process, control: ZygoteControl, output: PipeReader) -> None:
        self.process = process
        self.control = control
        self._output = output

    @classmethod
    async def start(cls, interpreter: Interpreter, on_report: ReportHandler, on_gone: Callable[[], None]) -> BaseZygote:
        """Execs the interpreter. It reports ready, or broken, when its imports are done. Raises OSError."""
        control = ZygoteControl(on_report, on_gone)
        read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
        # Tasks see the number in sys.orig_argv: the same for each start, whatever else the server has open by then.
        remote_fd = duplicate_high(control.remote.fileno())
        try:
            process = await asyncio.create_subprocess_exec(
                interpreter.python,
                "-c",
                _PROGRAM,
                str(remote_fd),
                interpreter.runtime_dir,
                # Not the server's directory: modules there must not shadow the worker's.
                cwd="/",
                env=dict(interpreter.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_fd,
                stderr=write_fd,
                pass_fds=[remote_fd],
                # A terminal's Ctrl-C is for the server alone.
                start_new_session=True,
            )
        except BaseException:
            os.close(read_fd)
            control.close()
            raise
        finally:
            os.close(write_fd)
            os.close(remote_fd)
            control.give_away()
        return cls(process, control, PipeReader(read_fd, line_logger("zygote output", pid=process.pid)))

    async def stop(self, timeout: float) -> None:
        """Ends the zygote and everything below it; kills it when it takes longer than `timeout` seconds."""
        self.control.send(frames_pb2.ZygoteCommand(stop=frames_pb2.Stop()))
        try:
            await asyncio.wait_for(self.process.wait(), timeout)
        except asyncio.TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGKILL)
            await self.process.wait()
        # Not before: a zygote that finds its socket closed takes the server for dead, and removes what it left.
        self.control.close()
        self._output.close()
