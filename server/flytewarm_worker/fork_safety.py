"""Whether this process can be forked: nothing here imports a library, starts one up, or makes a thread."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path

from flytewarm_api.worker import proc
from flytewarm_worker.broken import UnfitToForkError

# jemalloc, which pyarrow brings, holds its locks over a fork and does without the thread in the child.
_FORK_SAFE_THREADS = frozenset({"jemalloc_bg_thd"})


def assert_fit_to_fork() -> None:
    """Raises UnfitToForkError when this process has a thread that a fork would break, or a CUDA context."""
    if threads_at_risk():
        # Those of OpenBLAS end before a fork (pthread_atfork): fork once, and look again.
        _fork_for_nothing()
        if at_risk := threads_at_risk():
            raise UnfitToForkError(
                "threads", f"preloaded code started threads: {', '.join(told_names(at_risk).values())}"
            )
    if has_cuda_context():
        raise UnfitToForkError("cuda", "preloaded code created a CUDA context")


def assert_forks_stay_fit() -> None:
    """Raises UnfitToForkError when forks of this process cannot be forked: libraries may start threads in them
    (os.register_at_fork)."""
    pid = os.fork()
    if pid == 0:
        is_unfit = True
        try:
            is_unfit = bool(threads_at_risk())
        finally:
            os._exit(is_unfit)
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise UnfitToForkError("threads", "preloaded code starts threads in forked processes")


def threads() -> dict[int, str]:
    """The threads beside the main one, as the kernel knows them: their names by their ids."""
    found = {}
    for thread in os.listdir(proc.SELF / "task"):
        # A thread may end between the listing and the reading.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            name = (proc.SELF / "task" / thread / "comm").read_text(errors="backslashreplace").strip()
            if int(thread) != os.getpid():
                found[int(thread)] = name
    return found


def threads_at_risk() -> dict[int, str]:
    """The threads but those whose library makes forks safe for them."""
    return {thread: name for thread, name in threads().items() if name not in _FORK_SAFE_THREADS}


def told_names(found: dict[int, str]) -> dict[int, str]:
    """Names of threads for people: Python's own where the kernel's is the main thread's, which tells nothing."""
    main = (proc.SELF / "comm").read_text(errors="backslashreplace").strip()
    of_python = {thread.native_id: thread.name for thread in threading.enumerate()}
    return {thread: of_python.get(thread, name) if name == main else name for thread, name in found.items()}


def has_cuda_context(process: Path = proc.SELF) -> bool:
    """Whether CUDA has been initialised, which no fork survives. `process` is its directory in /proc."""
    torch = sys.modules.get("torch")
    # One whose import has not got that far, or failed on the way, has no such attribute.
    if (cuda := getattr(torch, "cuda", None)) is not None and cuda.is_initialized():
        return True
    # Other libraries cannot be asked. The driver's library alone does no harm: initialised, it has devices open.
    return any(target.startswith("/dev/nvidia") for target in proc.open_files(process).values()) and _maps_the_driver(
        process
    )


def _maps_the_driver(process: Path) -> bool:
    with open(process / "maps", errors="backslashreplace") as maps:
        return any("/libcuda.so" in line for line in maps)


def _fork_for_nothing() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
