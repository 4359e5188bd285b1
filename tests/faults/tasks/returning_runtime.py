"""Tasks that succeed, and leave in disorder what lies deeper: streams, threads, the runtime, the kernel's view."""

import _thread
import asyncio
import builtins
import contextlib
import ctypes
import faulthandler
import importlib
import io
import logging
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
import tracemalloc
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

from flytekit import task

_KEPT: list[Any] = []
_libc = ctypes.CDLL(None)


@task
def detaches_a_stream() -> None:
    sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding="utf-8")
    print("written through the new one")


@task
def detaches_the_other_stream() -> None:
    sys.stderr.detach()


@task
def leaves_a_stream_that_raises() -> None:
    class Broken:
        def write(self, text: str) -> int:
            return len(text)

        def flush(self) -> None:
            raise RuntimeError("no flush")

    sys.stdout = Broken()


@task
def configures_a_stream() -> None:
    sys.stdout.reconfigure(encoding="ascii", errors="ignore", newline="\r\n", line_buffering=False)


@task
def patches_a_stream() -> None:
    sys.stdout.write = len
    sys.stderr.buffer.raw.write = len


@task
def starts_a_thread_of_the_runtime() -> None:
    _thread.start_new_thread(time.sleep, (3600,))


@task
def starts_a_thread_with_the_name_of_a_pool() -> None:
    threading.Thread(target=time.sleep, args=(3600,), name="asyncio_0", daemon=True).start()


@task
async def leaves_work_in_the_pool_of_a_loop() -> None:
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.to_thread(time.sleep, 3600), 0.1)


@task
def has_its_stacks_dumped_later() -> None:
    faulthandler.dump_traceback_later(0.3, exit=True)


@task
def sets_a_timer_of_the_kernel() -> None:
    # A struct itimerspec: no interval, 0.3 s.
    timer, times = ctypes.c_void_p(), (ctypes.c_long * 4)(0, 0, 0, 300_000_000)
    assert _libc.timer_create(0, None, ctypes.byref(timer)) == 0
    assert _libc.timer_settime(timer, 0, times, None) == 0


@task
def handles_signals_of_real_time() -> None:
    for number in range(signal.SIGRTMIN, signal.SIGRTMAX + 1):
        signal.signal(number, signal.SIG_IGN)


@task
def replaces_a_function_by_an_object_that_raises() -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    shutil.which = Broken()


@task
def mocks() -> None:
    from unittest import mock

    mock.patch("json.loads").start()


@task
def configures_the_runtime() -> None:
    sys.set_int_max_str_digits(640)
    sys.set_asyncgen_hooks(firstiter=print, finalizer=print)
    sys.set_coroutine_origin_tracking_depth(5)
    sys.tracebacklimit = 0
    threading.stack_size(1 << 20)
    tracemalloc.start()


@task
def captures_warnings() -> None:
    logging.captureWarnings(True)


@task
def chooses_a_start_method() -> None:
    multiprocessing.set_start_method("spawn")


@task
def adds_builtins() -> None:
    builtins.hostile = builtins._ = 1
    sys.modules["__main__"].hostile = 1
    sys.modules["__main__"].__doc__ = "hostile"


@task
def changes_what_the_kernel_keeps() -> None:
    _libc.prctl(1, 0)  # no signal when the parent ends
    _libc.prctl(36, 0)  # no subreaper
    _libc.prctl(4, 0)  # not dumpable
    _libc.prctl(15, b"hostile")
    _libc.prctl(29, 1_000_000)  # slack of timers


@task
def gives_up_new_privileges() -> None:
    _libc.prctl(38, 1, 0, 0, 0)


@task
def becomes_idle() -> None:
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


@task
def leaves_shared_memory() -> None:
    _KEPT.append(SharedMemory(f"hostile-{os.getpid()}", create=True, size=1 << 16))


@task
def forges_a_file() -> None:
    file = Path("witness.py")
    before = file.stat()
    file.write_bytes(file.read_bytes()[::-1])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@task
def imports_a_package_without_a_file() -> None:
    Path("nameless").mkdir()
    Path("nameless/inner.py").touch()
    importlib.invalidate_caches()
    importlib.import_module("nameless.inner")
    shutil.rmtree("nameless")


@task
def changes_the_environment_of_c() -> None:
    _libc.setenv(b"HOSTILE_IN_C", b"1", 1)
    _libc.unsetenv(b"PATH")


@task
def leaves_directories_of_any_depth() -> None:
    before = os.getcwd()
    for _ in range(3000):
        os.mkdir("d")
        os.chdir("d")
    os.chdir(before)
