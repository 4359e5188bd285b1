"""Tasks that do not end."""

import os
import signal
import time

from flytekit import task


@task
def stops_itself() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


@task
def loops_in_python() -> None:
    while True:
        pass


@task
def loops_in_c() -> None:
    sum(range(1 << 62))


@task
def loops_and_ignores_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(3600)
