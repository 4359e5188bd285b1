"""Imports modules as a service that preloads them, each in a scratch process, and tells what they leave behind there.

The other end is `flytewarm lint`. Each scratch process is forked from one that is an environment's zygote but for the
module: what is told of a module is what it adds.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from typing import Any, NoReturn

from flytewarm_api.worker import proc, processes
from flytewarm_api.worker.v1 import frames_pb2
from flytewarm_worker import fork_safety
from flytewarm_worker.broken import BrokenEnvironmentError, UnfitToForkError, told
from flytewarm_worker.channel import move_to_high_fd
from flytewarm_worker.loading import freeze, load_base, load_environment

_Report = dict[str, Any]


def main(report_fd: int, parent: int, options: str) -> None:
    """Writes a line of JSON for each module to `report_fd`. `options`: app_dir, modules, and timeout in seconds, as
    JSON; `parent` is the process with which this one ends."""
    processes.die_with_parent(parent)
    # Told to end, it ends what is below, too.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    wanted = json.loads(options)
    try:
        with open(move_to_high_fd(report_fd), "w", buffering=1) as reports:
            load_base()
            load_environment(frames_pb2.LoadEnvironment(app_dir=wanted["app_dir"]))
            freeze()
            for module in wanted["modules"]:
                report = _lint(module, wanted["timeout"])
                reports.write(json.dumps({"module": module, **report}) + "\n")
    finally:
        processes.kill_children()


def _lint(module: str, timeout: float) -> _Report:
    read, write = os.pipe2(os.O_CLOEXEC)
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _examine_and_end(module, parent, write)
    os.close(write)
    with open(read, "rb") as answer:
        return _answer(pid, answer.fileno(), timeout)


def _answer(pid: int, read: int, timeout: float) -> _Report:
    """What a scratch process has found; it and all below it are gone then."""
    ended = os.pidfd_open(pid)
    deadline, text, status = time.monotonic() + timeout, b"", None
    try:
        while not text.endswith(b"\n"):
            ready, _, _ = select.select([read, ended], [], [], max(0.0, deadline - time.monotonic()))
            if read in ready and (data := os.read(read, 1 << 16)):
                text += data
            elif ended in ready:
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                break
            elif not ready:
                break
    finally:
        os.close(ended)
        processes.kill_children()
    if text.endswith(b"\n"):
        report: _Report = json.loads(text)
        return report
    return _not_imported(f"not within {timeout:g} s (--timeout)" if status is None else _how_it_ended(status))


def _how_it_ended(status: int) -> str:
    if status < 0:
        return f"its process was killed by {signal.Signals(-status).name}"
    return f"its process exited with status {status}"


def _not_imported(reason: str) -> _Report:
    return {"verdict": "not imported", "reason": reason}


def _examine_and_end(module: str, parent: int, write: int) -> NoReturn:
    try:
        processes.die_with_parent(parent)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setsid()
        kept = move_to_high_fd(write)
        report = _examine(module)
        with open(kept, "wb") as answer:
            answer.write(json.dumps(report).encode() + b"\n")
    finally:
        os._exit(0)


def _examine(module: str) -> _Report:
    from flytewarm_worker import worker

    open_before, memory = proc.open_files(), proc.own_memory_bytes()
    begin = time.perf_counter_ns()
    try:
        worker.preload_environment([module])
    except BrokenEnvironmentError as error:
        return _not_imported(told(str(error)))
    except BaseException as error:  # noqa: BLE001  # what flytekit raises over the module
        traceback.print_exc()
        return _not_imported(told(f"{type(error).__name__}: {error}"))
    import_ns = time.perf_counter_ns() - begin
    gc.collect()
    grown = proc.own_memory_bytes() - memory
    opened = [fd for fd, target in proc.open_files().items() if open_before.get(fd) != target]
    # Looked at before the check: it ends those that end before a fork.
    found = fork_safety.threads()
    names = fork_safety.told_names(found)
    verdict, reason = _verdict()
    at_risk = fork_safety.threads_at_risk()
    of_python = {thread.native_id for thread in threading.enumerate()}
    return {
        "verdict": verdict,
        "reason": told(reason),
        "import_ms": round(import_ns / 1e6, 1),
        "memory_mib": round(grown / 2**20, 1),
        "threads": [
            {"name": names[one], "native": one not in of_python, "fork_safe": one not in at_risk} for one in found
        ],
        "descriptors": [_description(fd) for fd in opened],
        "cuda": fork_safety.has_cuda_context(),
    }


def _verdict() -> tuple[str, str]:
    try:
        fork_safety.assert_fit_to_fork()
    except UnfitToForkError as error:
        return "not fork-safe", str(error)
    return "fork-safe", ""


def _description(fd: int) -> _Report:
    target = os.readlink(f"/proc/self/fd/{fd}")
    if not target.startswith("socket:"):
        kind = "file" if target.startswith("/") else target.partition(":")[0]
        return {"fd": fd, "kind": kind, "target": target}
    with socket.socket(fileno=os.dup(fd)) as one:
        try:
            peer = f" to {_address(one.getpeername())}"
        except OSError:
            peer = ""  # connected to nothing
        family = getattr(one.family, "name", str(one.family)).removeprefix("AF_")
        return {"fd": fd, "kind": "socket", "target": f"{family} {_address(one.getsockname())}{peer}"}


def _address(name: Any) -> str:
    return ":".join(map(str, name[:2])) if isinstance(name, tuple) else str(name or "without a name")
