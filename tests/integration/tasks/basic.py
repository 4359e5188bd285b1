"""Small tasks for tests of the service."""

import os
import subprocess
import sys
import time
from typing import NamedTuple

from flytekit import task


class Labelled(NamedTuple):
    count: int
    label: str


@task
def add(a: int, b: int) -> int:
    """Adds two numbers.

    A longer description.
    """
    return a + b


@task
def greet(name: str, times: int = 2) -> str:
    return " ".join([f"hello {name}"] * times)


@task
def fail(message: str) -> int:
    raise ValueError(message)


@task
def nothing() -> None:
    return None


@task
def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@task
def names_of(numbers: dict[str, int]) -> list[str]:
    return list(numbers)


@task
def noisy(lines: int) -> int:
    for number in range(lines):
        print(f"out {number}")
        print(f"err {number}", file=sys.stderr)
    os.write(1, b"from a descriptor\n")
    subprocess.run(["echo", "from a subprocess"], check=True)
    return lines


@task
def two() -> Labelled:
    return Labelled(count=2, label="two")
