"""`flytewarm run` on a terminal, with a scripted service."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import scripted as scripts
from scripted import ScriptedService

COMMAND = [sys.executable, "-m", "flytewarm.cli", "run"]
TASK = ["m.t", "--a=1", "--b=1"]
WAIT_S = 60.0


class Terminal:
    """A pseudo-terminal whose other end a command has as stdout and stderr."""

    def __init__(self) -> None:
        self._ours, self.end = pty.openpty()
        self.shown = ""

    def read_until(self, text: str) -> None:
        """Reads until `text` was shown; the test's own timeout ends it."""
        while text not in self.shown:
            self.shown += os.read(self._ours, 10_000).decode()

    def close(self) -> None:
        os.close(self._ours)
        os.close(self.end)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.close()


def test_the_wait_for_a_description_is_shown(scripted: ScriptedService, terminal: Terminal) -> None:
    seen = threading.Event()
    scripted.before_description = lambda: seen.wait(WAIT_S)
    command = [*COMMAND, "--target", scripted.target, *TASK]
    with subprocess.Popen(command, stdout=terminal.end, stderr=terminal.end):
        terminal.read_until("m.t: waiting for a worker, ")
        seen.set()
        terminal.read_until("3\r\n")
    assert "running" not in terminal.shown


def test_the_result_has_a_line_of_its_own(scripted: ScriptedService, terminal: Terminal) -> None:
    scripted.script = lambda _request, _context: iter([scripts.log("no end"), scripts.outputs('{"o0": 3}')])
    command = [*COMMAND, "--target", scripted.target, *TASK]
    with subprocess.Popen(command, stdout=terminal.end, stderr=terminal.end):
        terminal.read_until("3\r\n")
    assert terminal.shown.endswith("no end\r\n3\r\n")
