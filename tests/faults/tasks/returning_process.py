"""Tasks that succeed, and leave what belongs to their process in disorder."""

import ctypes
import multiprocessing
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flytekit import task

_KEPT: list[Any] = []


@task
def changes_the_environment() -> None:
    os.environ.update({"PATH": "/nowhere", "FLYTE_INTERNAL_EXECUTION_ID": "forged", "HOSTILE": "1"})
    os.environ.pop("HOME", None)
    ctypes.CDLL(None).setenv(b"HOSTILE_IN_C", b"1", 1)


@task
def clears_the_environment() -> None:
    os.environ.clear()


@task
def changes_the_directory() -> None:
    os.chdir("/")


@task
def removes_its_directory() -> None:
    shutil.rmtree(os.getcwd())


@task
def litters_its_directory() -> None:
    for number in range(500):
        with open(f"litter-{number}", "w") as file:
            file.write("x" * 1000)
    os.makedirs("/".join(["deep"] * 100))
    os.mkfifo("pipe")
    os.symlink("/", "everything")
    os.mkdir("locked")
    os.chmod("locked", 0)


@task
def changes_the_umask() -> None:
    os.umask(0o777)


@task
def changes_the_time_zone() -> None:
    os.environ["TZ"] = "Asia/Kathmandu"
    time.tzset()


@task
def changes_where_temporary_files_go() -> None:
    tempfile.tempdir = "/nowhere"


@task
def closes_standard_descriptors() -> None:
    for descriptor in (0, 1, 2):
        os.close(descriptor)


@task
def closes_standard_files() -> None:
    sys.stdin.close()
    sys.stdout.close()
    sys.stderr.close()


@task
def redirects_standard_descriptors() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)


@task
def replaces_standard_files() -> None:
    sys.stdin = sys.stdout = sys.stderr = None  # type: ignore[assignment]
    sys.__stdout__ = None  # type: ignore[misc,assignment]


@task
def leaks_descriptors() -> None:
    _KEPT.append([os.open(os.devnull, os.O_RDONLY) for _ in range(200)])
    _KEPT.append([socket.socketpair() for _ in range(20)])


@task
def makes_standard_output_non_blocking() -> None:
    os.set_blocking(1, False)
    os.set_blocking(2, False)


@task
def forks_a_bounded_bomb() -> None:
    for _ in range(5):
        os.fork()
    if os.getppid() != 1 and os.getpid() != _worker():
        time.sleep(3600)


def _worker() -> int:
    return int(os.environ["HOSTILE_WORKER"])


@task
def forks_and_returns_twice() -> None:
    os.fork()


@task
def leaves_a_daemon() -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            time.sleep(3600)
        os._exit(0)
    os.wait()


@task
def leaves_subprocesses() -> None:
    for _ in range(5):
        _KEPT.append(subprocess.Popen(["sleep", "3600"], start_new_session=True))


@task
def leaves_a_pool_of_processes() -> None:
    pool = multiprocessing.get_context("fork").Pool(2)
    _KEPT.append(pool)
    pool.map(abs, [1, 2, 3])


@task
def leaves_threads() -> None:
    for _ in range(10):
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()


@task
def leaves_a_pool_of_threads() -> None:
    pool = ThreadPoolExecutor(3)
    _KEPT.append(pool)
    list(pool.map(abs, range(3)))


@task
def leaves_a_timer() -> None:
    threading.Timer(0.2, lambda: os._exit(1)).start()


@task
def lowers_its_priority() -> None:
    os.nice(5)


@task
def narrows_its_cpus() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


@task
def allocates_a_gibibyte() -> None:
    bytearray(b"x") * (1 << 30)


@task
def keeps_memory() -> None:
    _KEPT.append(bytearray(b"x") * (1 << 20))


@task
def lowers_soft_limits() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@task
def lowers_hard_limits() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@task
def handles_every_signal() -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        if number < 32:
            signal.signal(number, lambda *_: None)


@task
def blocks_every_signal() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


@task
def ignores_its_children() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


@task
def sets_a_wakeup_descriptor() -> None:
    _, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)
