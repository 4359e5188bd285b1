"""The zygotes: single-threaded interpreters that import code once and fork on command.

The base zygote is exec'd by the server and has flytekit imported. An environment's zygote is forked from it, imports
the environment's own code, and forks workers; where that code makes forks unsafe, it imports nothing and execs them
(exec_worker.py). There may be one between them, which imports libraries that environments have in common. All run the
same loop. When the control socket ends (the server is gone, however it ended) a zygote
kills everything below it and ends.
"""

from __future__ import annotations

import contextlib
import os
import platform
import selectors
import signal
import sys
import time
import traceback

from flytewarm_api.worker import processes
from flytewarm_api.worker.trees import remove_quietly
from flytewarm_api.worker.v1 import frames_pb2
from flytewarm_worker import exec_worker
from flytewarm_worker.broken import BrokenEnvironmentError, HidesLibrariesError, UnfitToForkError, told
from flytewarm_worker.channel import Channel
from flytewarm_worker.fork_safety import assert_fit_to_fork
from flytewarm_worker.loading import freeze, load_base, load_environment, load_libraries


def main(control_fd: int, runtime_dir: str) -> None:
    """Runs the base zygote until the server goes away; then removes the service's runtime directory.

    `control_fd` is the zygote's end of its control socket; `runtime_dir` the service's temporary directory.
    """
    control = Channel(control_fd)
    zygote = Zygote(control)
    server_alive = False
    try:
        load_base()
        zygote.report_ready()
        server_alive = zygote.serve()
    except ConnectionError:
        # The server went away while this process was still importing.
        server_alive = False
    except BaseException as error:
        server_alive = True
        control.send(_broken(error))
        raise
    finally:
        zygote.end_children()
        if not server_alive:
            remove_quietly(runtime_dir)


class Zygote:
    """One zygote's loop: commands from its control socket, deaths of its children."""

    def __init__(self, control: Channel) -> None:
        self._control = control
        # The environment that workers are exec'd for, instead of forked; None for forks.
        self._exec_for: frames_pb2.LoadEnvironment | None = None
        self._children: set[int] = set()
        self._started = time.perf_counter_ns()
        # SIGCHLD only writes a byte here; the loop acts.
        self._wakeup_read, self._wakeup_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._selector = selectors.DefaultSelector()

    def report_start(self) -> None:
        """Tells the server this process's id, before the environment's code can hang."""
        self._report_fork("", os.getpid())

    def load(self) -> bool:
        """Waits to be told what to import, and does. Returns False when it is nothing."""
        command = self._control.receive(frames_pb2.ZygoteCommand)
        self._started = time.perf_counter_ns()
        if command is None:
            return False
        kind = command.WhichOneof("command")
        if kind == "load_libraries":
            load_libraries(command.load_libraries)
        elif kind == "load_environment" and command.load_environment.exec_workers:
            self._exec_for = command.load_environment
        elif kind == "load_environment":
            load_environment(command.load_environment)
        else:
            return False
        return True

    def report_ready(self) -> None:
        """Tells the server that this zygote can fork. Raises UnfitToForkError when it cannot."""
        freeze()
        assert_fit_to_fork()
        ready = frames_pb2.ZygoteReady(
            pid=os.getpid(),
            flytekit_version=sys.modules["flytekit"].__version__,
            python_version=platform.python_version(),
            import_ns=time.perf_counter_ns() - self._started,
        )
        self._control.send(frames_pb2.ZygoteReport(ready=ready))

    def serve(self) -> bool:
        """Acts on commands and deaths. Returns True when told to stop, False when the server is gone."""
        signal.set_wakeup_fd(self._wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(self._wakeup_read, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in self._selector.select()}
            if self._wakeup_read in ready:
                self._drain_wakeups()
                self._reap()
            if self._control in ready:
                command, fds = self._control.receive_with_fds(frames_pb2.ZygoteCommand)
                if command is None or command.HasField("stop"):
                    return command is not None
                self._obey(command, fds)

    def end_children(self) -> None:
        """Kills and reaps everything below this process."""
        processes.kill_children()
        self._children.clear()

    def _drain_wakeups(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wakeup_read, 512):
                pass

    def _obey(self, command: frames_pb2.ZygoteCommand, fds: list[int]) -> None:
        kind = command.WhichOneof("command")
        if kind == "fork_worker":
            self._fork_worker(command.fork_worker, fds)
        elif kind == "fork_zygote":
            self._fork_zygote(fds[0])
        elif kind == "signal_worker":
            self._signal(command.signal_worker)

    def _fork_worker(self, command: frames_pb2.ForkWorker, fds: list[int]) -> None:
        pid = self._fork(fds)
        if pid == 0:
            if self._exec_for is not None:
                exec_worker.become(frames_pb2.StartWorker(worker=command, environment=self._exec_for), fds)
            from flytewarm_worker import worker

            worker.main(command, *fds)
        self._report_fork(command.name, pid)

    def _fork_zygote(self, control_fd: int) -> None:
        pid = self._fork([control_fd])
        if pid == 0:
            run_forked(control_fd)
        self._report_fork("", pid)

    def _fork(self, fds: list[int]) -> int:
        """Forks; the child is left with nothing of this zygote's, the parent with none of the child's descriptors."""
        assert_fit_to_fork()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            processes.die_with_parent(parent)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.close()
            # A task that had it could wake this zygote for ever, by what it adds.
            self._selector.close()
            os.close(self._wakeup_read)
            os.close(self._wakeup_write)
            os.setsid()
            return 0
        for fd in fds:
            os.close(fd)
        self._children.add(pid)
        return pid

    def _report_fork(self, name: str, pid: int) -> None:
        self._control.send(frames_pb2.ZygoteReport(forked=frames_pb2.ChildForked(name=name, pid=pid)))

    def _signal(self, command: frames_pb2.SignalWorker) -> None:
        # Only a child that was not reaped yet: its id cannot belong to anybody else.
        if command.pid in self._children:
            try:
                (os.kill if command.alone else os.killpg)(command.pid, command.signal)
            except ProcessLookupError:
                # It has no group of its own yet: it hangs in a preloaded module's hook that runs after a fork.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(command.pid, command.signal)

    def _reap(self) -> None:
        for pid in list(self._children):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            # While it is a zombie its process group cannot be reused: end what it left in the group, then reap.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            _, status, used = os.wait4(pid, 0)
            self._children.discard(pid)
            exit_code, peak = os.waitstatus_to_exitcode(status), used.ru_maxrss << 10
            report = frames_pb2.ChildExited(pid=pid, status=exit_code, peak_memory_bytes=peak)
            self._control.send(frames_pb2.ZygoteReport(exited=report))
        # What left its group came to this subreaper when its parent ended.
        processes.kill_children(keep=self._children)


def run_forked(control_fd: int) -> None:
    """Runs a zygote in a process that was just forked from another one. Never returns."""
    code = 1
    control = Channel(control_fd)
    zygote = Zygote(control)
    try:
        processes.become_subreaper()
        zygote.report_start()
        if zygote.load():
            zygote.report_ready()
            zygote.serve()
        code = 0
    except BaseException as error:  # noqa: BLE001
        # The environment's own code has run: whatever it raises is the environment's failure, told to the server.
        with contextlib.suppress(OSError):
            control.send(_broken(error))
    finally:
        zygote.end_children()
        os._exit(code)


def _broken(error: BaseException) -> frames_pb2.ZygoteReport:
    reason = str(error) if isinstance(error, BrokenEnvironmentError) else traceback.format_exc()
    broken = frames_pb2.ZygoteBroken(
        reason=told(reason),
        unfit=error.kind if isinstance(error, UnfitToForkError) else "",
        hides_libraries=isinstance(error, HidesLibrariesError),
    )
    return frames_pb2.ZygoteReport(broken=broken)
