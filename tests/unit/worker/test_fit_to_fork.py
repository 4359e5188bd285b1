"""A process is forked only when its threads allow it.

Each check runs in an interpreter of its own: this one has used gRPC, whose threads would be counted, too.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from flytewarm_worker.broken import UnfitToForkError
from flytewarm_worker.fork_safety import assert_fit_to_fork, has_cuda_context

_PR_SET_NAME = 15


def _start_thread(name: str) -> threading.Event:
    """Starts a thread that the kernel knows by `name`; it ends when the event is set."""
    named, end = threading.Event(), threading.Event()

    def run() -> None:
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode())
        named.set()
        end.wait()

    threading.Thread(target=run, daemon=True).start()
    named.wait()
    return end


def check_no_threads() -> None:
    """A process without threads is fit."""
    assert_fit_to_fork()


def check_a_thread() -> None:
    """A thread is refused by name."""
    _start_thread("spawned-by-user")
    with pytest.raises(UnfitToForkError, match=r"started threads: spawned-by-user$"):
        assert_fit_to_fork()


def check_two_threads() -> None:
    """Every thread is named."""
    for name in ("first", "second"):
        _start_thread(name)
    with pytest.raises(UnfitToForkError, match=r"started threads: first, second$"):
        assert_fit_to_fork()


def check_a_thread_that_minds_forks() -> None:
    """A thread whose library makes forks safe is no danger; others beside it are."""
    _start_thread("jemalloc_bg_thd")
    assert_fit_to_fork()
    _start_thread("another")
    with pytest.raises(UnfitToForkError, match=r"started threads: another$"):
        assert_fit_to_fork()


def check_a_thread_that_python_has_named() -> None:
    """A thread that the kernel knows by the program's name only is told by Python's."""
    threading.Thread(target=threading.Event().wait, name="heartbeat", daemon=True).start()
    with pytest.raises(UnfitToForkError, match=r"started threads: heartbeat$"):
        assert_fit_to_fork()


def check_torch_with_cuda() -> None:
    """torch is asked, if it is there, and as far as its import has got."""
    sys.modules["torch"] = types.ModuleType("torch")
    assert_fit_to_fork()
    sys.modules["torch"].cuda = types.SimpleNamespace(is_initialized=lambda: True)  # type: ignore[attr-defined]
    with pytest.raises(UnfitToForkError, match="created a CUDA context") as caught:
        assert_fit_to_fork()
    assert caught.value.kind == "cuda"


def check_a_thread_that_ended() -> None:
    """A thread that has ended is no danger."""
    end = _start_thread("short-lived")
    (thread,) = (one for one in threading.enumerate() if one is not threading.main_thread())
    end.set()
    thread.join()
    assert_fit_to_fork()


CHECKS = [
    check_no_threads,
    check_a_thread,
    check_two_threads,
    check_a_thread_that_minds_forks,
    check_a_thread_that_python_has_named,
    check_torch_with_cuda,
    check_a_thread_that_ended,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_in_an_interpreter_of_its_own(check: Callable[[], None]) -> None:
    program = f"import runpy; runpy.run_path({__file__!r})[{check.__name__!r}]()"
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


DRIVER = "7f0000-7f1000 r-xp 00000000 00:01 7  /usr/lib/libcuda.so.550.54\n"


@pytest.mark.parametrize(
    ("maps", "device", "expected"),
    [
        (DRIVER, "/dev/nvidia0", True),
        # The library alone, as of a package that was imported and has not asked for a device.
        (DRIVER, "/dev/null", False),
        # What watches devices has them open, too.
        ("7f0000-7f1000 r-xp 00000000 00:01 7  /usr/lib/libnvidia-ml.so.1\n", "/dev/nvidiactl", False),
    ],
)
def test_cuda_is_seen_by_its_driver_and_its_devices(tmp_path: Path, maps: str, device: str, expected: bool) -> None:
    (tmp_path / "maps").write_text("7f2000-7f3000 rw-p 00000000 00:00 0  [heap]\n" + maps)
    (tmp_path / "fd").mkdir()
    (tmp_path / "fd" / "3").symlink_to(device)
    assert has_cuda_context(tmp_path) is expected
