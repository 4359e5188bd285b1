"""Tasks that take memory."""

import subprocess
import sys
import time

from flytekit import task


@task
def takes(megabytes: int) -> int:
    """Takes it at once."""
    return len(bytearray(b"x") * (megabytes << 20))


@task
def takes_and_waits(megabytes: int, fifo: str) -> str:
    """Takes it bit by bit, slower than the service looks, and waits for the test."""
    held = []
    for _ in range(megabytes // 8):
        held.append(bytearray(b"x") * (8 << 20))
        time.sleep(0.02)
    with open(fifo) as pipe:
        return pipe.read()


@task
def has_a_child_take(megabytes: int) -> int:
    program = f"import time; held = bytearray(b'x') * ({megabytes} << 20); time.sleep(60)"
    return subprocess.run([sys.executable, "-c", program], check=False).returncode


@task
def score() -> int:
    with open("/proc/self/oom_score_adj") as file:
        return int(file.read())
