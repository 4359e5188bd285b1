"""Starts a `flytewarm serve` of its own, waits until it serves, stops it, and tells what it has left behind."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 30.0
_POLL_S = 0.05


class ServiceError(Exception):
    """The service did not start. The message has its log."""


@dataclass(frozen=True)
class Stopped:
    """How a service ended. Clean: exit status 0 and nothing left behind."""

    exit_code: int
    left_files: tuple[str, ...]
    left_processes: tuple[int, ...]

    @property
    def problems(self) -> list[str]:
        """What was not clean about it, a sentence each."""
        found = [f"the service exited {self.exit_code}"] if self.exit_code != 0 else []
        found += [f"{name} stayed behind" for name in self.left_files]
        return found + [f"process {pid} stayed behind" for pid in self.left_processes]


@dataclass
class Service:
    """One `flytewarm serve`, as a context manager. Its socket, its log and its temporary files are in one directory."""

    app_dir: Path
    preload: str = ""
    """A module to preload; empty for none."""
    workers: int = 2
    with_tcp: bool = False
    """Whether it listens on a loopback port beside its Unix socket."""
    options: tuple[str, ...] = ()
    """Further options of `flytewarm serve`."""
    wrapper: tuple[str, ...] = ()
    """A command that starts the one after it, such as `nice`; empty for none."""
    target: str = field(init=False)
    """Its Unix socket, as a gRPC target."""
    tcp_target: str = field(init=False, default="")
    """Its loopback port, as a gRPC target; empty without one."""
    startup_s: float = field(init=False, default=0.0)
    """From the start of the process until it served."""

    def __enter__(self) -> "Service":
        self._directory = Path(tempfile.mkdtemp(prefix="fw-"))  # short: a socket's path has at most 107 bytes
        self._scratch = self._directory / "tmp"
        self._scratch.mkdir()
        self._stopped: Stopped | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.target = f"unix:{self._directory / 's.sock'}"
        self.tcp_target = f"127.0.0.1:{free_port()}" if self.with_tcp else ""
        try:
            self._start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    @property
    def log(self) -> str:
        """What the service has written to its standard output and error."""
        return (self._directory / "serve.log").read_text(encoding="utf-8", errors="replace")

    @property
    def scratch(self) -> Path:
        """Its temporary directory: everything it makes is below."""
        return self._scratch

    @property
    def processes(self) -> set[int]:
        """Ids of all its processes, the server's own included."""
        return {self.pid, *_processes_with(str(self._scratch))}

    @property
    def pid(self) -> int:
        """Process id of the server."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> Stopped:
        """Ends the service with SIGTERM, as an orchestrator would; kills what is still there after a while."""
        if self._stopped is None:
            assert self._process is not None
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT_S)
            survivors = tuple(pid for pid in _processes_with(str(self._scratch)) if pid != self._process.pid)
            files = tuple(sorted(path.name for path in self._scratch.iterdir()))
            self._kill(survivors)
            self._stopped = Stopped(self._process.wait(), files, survivors)
        return self._stopped

    def _start(self) -> None:
        started = time.perf_counter()
        with (self._directory / "serve.log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command(),
                env={**os.environ, "TMPDIR": str(self._scratch)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone; the service is then stopped in its own good order
            )
        self._wait_until_serving()
        self.startup_s = time.perf_counter() - started

    def _command(self) -> list[str]:
        return [
            *self.wrapper,
            str(Path(sys.executable).with_name("flytewarm")),
            "serve",
            *("--listen", self.target),
            *(("--listen", self.tcp_target) if self.tcp_target else ()),
            *("--app-dir", str(self.app_dir)),
            *("--workers", str(self.workers)),
            "--debuggable",  # whoever started it looks at its processes, descriptors and memory
            *(("--preload", self.preload) if self.preload else ()),
            *self.options,
        ]

    def _wait_until_serving(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _is_serving(self.target):
            if self._process is not None and self._process.poll() is not None:
                raise ServiceError(f"flytewarm serve exited {self._process.returncode}\n{self.log}")
            if time.monotonic() > deadline:
                raise ServiceError(f"flytewarm serve does not serve after {START_TIMEOUT_S:.0f} s\n{self.log}")
            time.sleep(_POLL_S)

    def _kill(self, survivors: tuple[int, ...]) -> None:
        assert self._process is not None
        self._process.kill()  # does nothing to one that has ended
        for pid in survivors:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _close(self) -> None:
        try:
            if self._process is not None:
                self.stop()
        finally:
            shutil.rmtree(self._directory, ignore_errors=True)


def _is_serving(target: str) -> bool:
    try:
        # A new connection each time: one that was refused pauses for a second before it tries again.
        with grpc.insecure_channel(target) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
    except grpc.RpcError:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def free_port() -> int:
    """A loopback TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _processes_with(scratch: str) -> Iterator[int]:
    """The processes whose TMPDIR is this or below: the service's own, whatever session they have moved to."""
    wanted = f"TMPDIR={scratch}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                variables = (entry / "environ").read_bytes().split(b"\0")
                if any(variable.startswith(wanted) for variable in variables):
                    yield int(entry.name)
