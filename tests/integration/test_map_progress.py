"""The line that a map shows on a terminal, of a program in a process of its own."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from showcase.service import Service

_ITEMS = 3
_DEADLINE_S = 60

# Takes a result for each line of standard input, and closes the map after another one.
_BLOCKING = """
from flytewarm import Executor

with Executor(target) as executor:
    for result in executor.map(task, inputs, progress=True):
        print(result, flush=True)
        sys.stdin.readline()
"""
_ASYNCHRONOUS = """
import asyncio
from flytewarm import AsyncExecutor

async def main():
    async with AsyncExecutor(target) as executor:
        async for result in executor.map(task, inputs, progress=True):
            print(result, flush=True)
            await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main())
"""
_PROGRAMS = pytest.mark.parametrize("program", [_BLOCKING, _ASYNCHRONOUS], ids=["blocking", "asyncio"])


def _command(program: str, service: Service, task: str, inputs: str) -> list[str]:
    given = f"import sys\ntarget, task, inputs = {service.target!r}, {task!r}, {inputs}\n"
    return [sys.executable, "-c", given + program]


@contextmanager
def _on_a_terminal(command: list[str]) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The running program, and the terminal's other end: its standard error is the terminal."""
    terminal, end = pty.openpty()
    try:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": end}
        with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
            os.close(end)
            try:
                yield process, terminal
            finally:
                process.kill()
    finally:
        os.close(terminal)


def _read_until(terminal: int, text: str) -> str:
    shown = ""
    while text not in shown:
        shown += os.read(terminal, 10_000).decode()
    return shown


def _read_to_the_end(terminal: int) -> str:
    shown = b""
    try:
        while more := os.read(terminal, 10_000):
            shown += more
    except OSError:
        # So the kernel tells that nobody has the other end any more.
        pass
    return shown.decode()


@_PROGRAMS
def test_it_counts_the_results_and_leaves_nothing(service: Service, program: str) -> None:
    command = _command(program, service, "basic.add", f"[dict(a=n, b=1) for n in range({_ITEMS})]")
    with _on_a_terminal(command) as (process, terminal):
        assert process.stdin is not None
        assert process.stdout is not None
        shown = ""
        for given in range(1, _ITEMS + 1):
            assert process.stdout.readline() == f"{given}\n"
            # The program has taken this one, and none after it.
            shown += _read_until(terminal, f"{given} of {_ITEMS}")
            process.stdin.write("\n")
            process.stdin.flush()
        shown += _read_to_the_end(terminal)
        assert process.wait(_DEADLINE_S) == 0
    *lines, last = shown.split("\r\x1b[K")[1:]
    assert last == ""
    pattern = r"basic\.add: \[(#*)(\.*)\] (\d+) %, (\d+) of 3, [\d,]+/s, \d+ s"
    found = [match.groups() for line in lines if (match := re.fullmatch(pattern, line)) is not None]
    assert len(found) == len(lines)
    counts = [int(count) for *_, count in found]
    assert counts == sorted(counts)
    assert {int(count): (len(full), len(rest), percent) for full, rest, percent, count in found if count != "0"} == {
        1: (6, 14, "33"),
        2: (13, 7, "66"),
        3: (20, 0, "100"),
    }


@_PROGRAMS
def test_there_is_none_without_a_terminal(service: Service, program: str) -> None:
    """It would appear after a second."""
    command = _command(program, service, "basic.sleep", "[dict(seconds=1.5)]")
    done = subprocess.run(command, input="\n", capture_output=True, text=True, timeout=_DEADLINE_S, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("1.5\n", "", 0)
