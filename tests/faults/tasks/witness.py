"""What an execution sees of its process, for comparison with what another one saw."""

import asyncio
import builtins
import ctypes
import decimal
import gc
import hashlib
import json
import locale
import logging
import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import flytekit
from flytekit import FlyteContextManager, current_context, task
from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import FlyteEntities, flyte_context_Var
from flytekit.core.launch_plan import LaunchPlan
from flytekit.core.type_engine import TypeEngine

_libc = ctypes.CDLL(None)
_SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


def _name(handler: Any) -> str:
    return str(getattr(handler, "__qualname__", handler))


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def _children() -> str:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()


def _loggers() -> dict[str, list[str]]:
    named = {name: one for name, one in logging.root.manager.loggerDict.items() if isinstance(one, logging.Logger)}
    return {
        name: [str(one.level), str(one.propagate), str(one.disabled), str(len(one.handlers)), str(len(one.filters))]
        for name, one in sorted({**named, "root": logging.root}.items())
        if one.handlers or one.filters or one.level or one.disabled or not one.propagate
    }


def _writes(descriptor: int) -> bool:
    return os.write(descriptor, b"") == 0


def _run(*command: str, env: dict[str, str] | None = None) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout


async def _in_a_loop() -> str:
    await asyncio.sleep(0)
    return type(asyncio.get_running_loop()).__name__


def _of_the_process(home: str) -> dict[str, Any]:
    return {
        "environment": {name: value.replace(home, "~") for name, value in os.environ.items()},
        "directory": os.getcwd().replace(home, "~"),
        "files": sorted(os.listdir()),
        "umask": [mask := os.umask(0o022), os.umask(mask)],
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if "RLIMIT_" in name},
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "cpus": sorted(os.sched_getaffinity(0)),
        "signals": [_name(signal.getsignal(number)) for number in _SIGNALS],
        "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "timers": [signal.getitimer(kind) for kind in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)],
        "descriptors": _descriptors(),
        "children": _children(),
        "threads": sorted(one.name for one in threading.enumerate()),
        "tasks": len(os.listdir("/proc/self/task")),
        "stdin": sys.stdin.read(),
        "writes": [_writes(1), _writes(2), sys.stdout.writable(), sys.stderr.writable()],
        "zone": [time.tzname, time.localtime(0).tm_hour],
        "temporary": tempfile.gettempdir().replace(home, "~"),
        "group": os.getpgrp() == os.getpid(),
    }


def _without_address(one: object) -> str:
    """A worker of a zygote that has been replaced has other addresses."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(one))


def _of_the_interpreter(home: str) -> dict[str, Any]:
    return {
        "path": [entry.replace(home, "~") for entry in sys.path],
        "arguments": [sys.argv, sys.orig_argv],
        "finders": [_without_address(one) for one in [*sys.meta_path, *sys.path_hooks]],
        "hooks": [
            _without_address(hook)
            for hook in (sys.excepthook, sys.displayhook, threading.excepthook, sys.unraisablehook)
        ],
        "traces": [str(sys.gettrace()), str(sys.getprofile()), str(threading.gettrace()), str(threading.getprofile())],
        "recursion": sys.getrecursionlimit(),
        "switch": sys.getswitchinterval(),
        "collector": [gc.isenabled(), gc.get_threshold(), gc.get_debug(), len(gc.callbacks)],
        "builtins": [builtins.open.__module__, builtins.print.__qualname__, sorted(vars(builtins))],
        "loggers": _loggers(),
        "disabled": logging.root.manager.disable,
        "logger class": logging.getLoggerClass().__name__,
        "log record": logging.getLogRecordFactory().__name__,
        "warnings": [str(one)[:80] for one in warnings.filters],
        "locale": locale.setlocale(locale.LC_ALL),
        "decimal": str(decimal.getcontext()),
        "seeded": random.getstate() == random.Random(1).getstate(),
        "socket": socket.getdefaulttimeout(),
        "loop": asyncio.run(_in_a_loop()),
        "policy": type(asyncio.get_event_loop_policy()).__name__,
        "json": [json.loads("[1]"), json.dumps.__module__, json.dump.__qualname__, str(shutil.which.__qualname__)],
        "subprocess": _run("/bin/echo", "spoken"),
        "main": sys.modules["__main__"].__name__,
    }


def _of_the_runtime(home: str) -> dict[str, Any]:
    streams = (sys.stdout, sys.stderr)
    return {
        "streams": [
            [type(one).__name__, one.encoding, one.errors, one.line_buffering, one.write_through, vars(one)]
            for one in streams
        ],
        "below streams": [[vars(one.buffer), vars(one.buffer.raw)] for one in streams],
        "threads of the runtime": len(sys._current_frames()),
        "digits": sys.get_int_max_str_digits(),
        "generators": [str(sys.get_asyncgen_hooks()), sys.get_coroutine_origin_tracking_depth()],
        "tracebacks": getattr(sys, "tracebacklimit", None),
        "stack": threading.stack_size(),
        "traced memory": tracemalloc.is_tracing(),
        "captured warnings": _without_address(logging._warnings_showwarning),
        "start method": multiprocessing.get_start_method(allow_none=True),
        "main module": [sorted(vars(sys.modules["__main__"])), sys.modules["__main__"].__doc__],
        "prctl": [_prctl(option) for option in (2, 37)] + [_libc.prctl(option) for option in (3, 30, 39)],
        "name": Path("/proc/self/comm").read_text(),
        "scheduler": os.sched_getscheduler(0),
        "shared memory": [name for name in os.listdir("/dev/shm") if name == f"hostile-{os.getpid()}"],
        "copied": hashlib.sha256(Path("witness.py").read_bytes()).hexdigest(),
        "nameless": [name for name in sys.modules if name.startswith("nameless")],
        "environment of C": sorted(line.replace(home, "~") for line in _run("/usr/bin/env", env=None).splitlines()),
        "stacks": _handled_in_c(signal.SIGRTMIN + 7),
    }


def _prctl(option: int) -> int:
    value = ctypes.c_int()
    _libc.prctl(option, ctypes.byref(value))
    return value.value


def _handled_in_c(number: int) -> bool:
    caught = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def _of_flytekit(home: str) -> dict[str, Any]:
    context = FlyteContextManager.current_context()
    return {
        "depth": len(flyte_context_Var.get()),
        "same context": context is flyte_context_Var.get()[-1],
        "entities": len(FlyteEntities.entities),
        "launch plans": sorted(LaunchPlan.CACHE),
        "handlers": len(FlyteContextManager.signal_handlers),
        "dispatch": PythonTask.dispatch_execute.__module__,
        "transformers": len(TypeEngine._REGISTRY),
        "task": flytekit.task.__module__,
        "working directory": os.path.dirname(current_context().working_directory).replace(home, "~"),
        "checkpoint": str(getattr(current_context(), "_checkpoint", None)),
        "decks": sorted(one.name for one in current_context().decks),
    }


@task
def look() -> str:
    # A temporary directory, or a prefix, is each execution's own.
    home = str(Path(os.getcwd()).parent)
    return json.dumps(
        {**_of_the_process(home), **_of_the_interpreter(home), **_of_the_runtime(home), **_of_flytekit(home)},
        default=str,
    )


@task
def waits(seconds: float) -> None:
    """Is there when what an earlier execution has left strikes."""
    time.sleep(seconds)


@task
def worker() -> int:
    return os.getpid()
