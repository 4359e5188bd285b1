"""What a task changes in its process is put back; what cannot be is told."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flytekit
import pytest
from flytekit.core.context_manager import FlyteContextManager
from flytekit.utils.asyn import run_sync

from flytewarm_api.worker import processes
from flytewarm_worker import flytekit_private
from flytewarm_worker.process_state import ProcessState
from flytewarm_worker.signals import register_stacks

InFork = Callable[[Callable[[], None]], None]


def test_everything_a_task_changes_is_put_back(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        os.environ["CHANGED"] = os.environ["REMOVED"] = "before"
        signal.signal(signal.SIGTERM, _handler)
        before = _visible()
        state = ProcessState()
        os.environ["CHANGED"] = "after"
        os.environ["ADDED"] = "after"
        os.environ[os.fsdecode(b"ADDED_\xff")] = os.fsdecode(b"\xff")
        del os.environ["REMOVED"]
        os.chdir(tmp_path)
        os.umask(0o777)
        sys.path[:] = ["nowhere"]
        sys.argv = ["other"]
        tempfile.tempdir = str(tmp_path)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        FlyteContextManager.push_context(FlyteContextManager.current_context())
        assert state.restore() == ""
        assert _visible() == before
        # The environment of processes to come, too, not only Python's picture of it.
        told = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout.splitlines()
        assert {line for line in told if "ED=" in line} >= {"CHANGED=before", "REMOVED=before"}
        assert not [line for line in told if line.startswith("ADDED")]

    in_fork(check)


def _handler(_number: int, _frame: object) -> None: ...


def _visible() -> dict[str, object]:
    mask = os.umask(0)
    os.umask(mask)
    return {
        "environment": dict(os.environ),
        "directory": os.getcwd(),
        "umask": mask,
        "path": list(sys.path),
        "argv": list(sys.argv),
        "tempdir": tempfile.tempdir,
        "signals": [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)],
        "contexts": len(flytekit_private.context_stack()),
    }


def test_processes_that_a_task_leaves_are_ended(in_fork: InFork) -> None:
    def check() -> None:
        processes.become_subreaper()
        state = ProcessState()
        child = subprocess.Popen(["sh", "-c", "sleep 1000 & exec sleep 1000"])
        assert state.restore() == ""
        assert not processes.has_children()
        assert not Path(f"/proc/{child.pid}").exists()

    in_fork(check)


def test_a_working_directory_that_is_gone_retires_the_worker(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        home = tmp_path / "home"
        home.mkdir()
        os.chdir(home)
        state = ProcessState()
        os.chdir(tmp_path)
        home.rmdir()
        assert "the working directory is gone" in state.restore()

    in_fork(check)


def test_contexts_that_are_gone_retire_the_worker(in_fork: InFork) -> None:
    def check() -> None:
        FlyteContextManager.push_context(FlyteContextManager.current_context())
        state = ProcessState()
        FlyteContextManager.pop_context()
        assert "contexts" in state.restore()

    in_fork(check)


def test_interpreter_state_is_put_back(in_fork: InFork) -> None:
    def check() -> None:
        state = ProcessState()
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        os.environ["TZ"] = "Asia/Tokyo"
        time.tzset()
        gc.disable()
        logging.disable(logging.CRITICAL)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, limits[1]))
        asyncio.run(asyncio.sleep(0))
        assert state.restore() == ""
        assert time.tzname[0] != "JST"
        assert gc.isenabled()
        assert logging.root.manager.disable == logging.NOTSET
        assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == limits
        asyncio.get_event_loop_policy().get_event_loop().close()

    in_fork(check)


def test_what_cannot_be_put_back_is_told(in_fork: InFork) -> None:
    def check() -> None:
        state = ProcessState()
        end = threading.Event()
        thread = threading.Thread(target=end.wait, name="left-behind")
        thread.start()
        assert "'left-behind'" in state.restore()
        end.set()
        thread.join()
        assert state.restore() == ""

    in_fork(check)


def test_flytekit_can_be_put_back(in_fork: InFork) -> None:
    def check() -> None:
        state = ProcessState()
        sys.modules["flytekit"] = sys
        assert state.restore() == ""
        assert sys.modules["flytekit"] is flytekit

    in_fork(check)


def test_coroutines_that_a_task_leaves_are_cancelled(in_fork: InFork) -> None:
    def check() -> None:
        flytekit_private.run_coroutines_inline()
        state = ProcessState()
        seen: list[str] = []

        async def background() -> None:
            try:
                await asyncio.sleep(3600)
            finally:
                seen.append("cancelled")

        async def leave() -> None:
            seen.append("left")
            kept.append(asyncio.create_task(background()))
            await asyncio.sleep(0)

        kept: list[asyncio.Task[None]] = []
        run_sync(leave)
        assert state.restore() == ""
        assert seen == ["left", "cancelled"]

    in_fork(check)


def test_an_alarm_does_not_outlive_its_execution(in_fork: InFork) -> None:
    def check() -> None:
        state = ProcessState()
        signal.signal(signal.SIGALRM, _handler)
        signal.alarm(1000)
        assert state.restore() == ""
        # It would end the process in the middle of a later execution: the handler is gone.
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)

    in_fork(check)


@pytest.mark.parametrize("handler", [_handler, signal.SIG_DFL, signal.SIG_IGN], ids=["own", "default", "ignore"])
def test_the_traceback_on_request_is_put_back(in_fork: InFork, tmp_path: Path, handler: Any) -> None:
    def check() -> None:
        with (tmp_path / "traceback").open("w+") as file:
            os.dup2(file.fileno(), 2)
            # As the worker does after its fork.
            register_stacks()
            state = ProcessState()
            signal.signal(signal.SIGUSR1, handler)
            assert state.restore() == ""
            # Ends the process where nobody handles it.
            os.kill(os.getpid(), signal.SIGUSR1)
            file.seek(0)
            assert "most recent call first" in file.read()

    in_fork(check)
