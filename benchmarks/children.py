"""The benchmark's side of its child processes: their commands with time limits, and their end."""

import contextlib
import json
import os
import secrets
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from addition import EXAMPLES
from processes import MARK, end_all

HERE = Path(__file__).resolve().parent
_STOP_TIMEOUT_S = 45.0
_TAIL_BYTES = 2000


class ChildError(Exception):
    """A child failed, or did not answer in time."""


class AnswerError(ChildError):
    """A child's answer is an error; the child itself is well."""


class Child:
    """A child process, as a context manager; afterwards nothing is left of what it started."""

    def __init__(self, kind: str, name: str, **options: Any) -> None:
        """`kind` is system or figure; `name` a module of that package; `options` what its measure() takes."""
        self.name = name
        self._arguments = [kind, name, json.dumps(options)]
        self._mark = secrets.token_hex(8)
        self._buffer = b""

    def __enter__(self) -> "Child":
        # Short, as sockets are made below; each child writes below its own, which is then removed as a whole.
        self._directory = Path(tempfile.mkdtemp(prefix="fb-"))
        try:
            with (self._directory / "log").open("wb") as log:
                self._process = subprocess.Popen(
                    [sys.executable, str(HERE / "child.py"), *self._arguments],
                    env={**os.environ, **self._variables()},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C reaches the benchmark alone, which then ends its child in order
                )
        except BaseException:
            shutil.rmtree(self._directory, ignore_errors=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            assert self._process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            if error is not None:
                self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_TIMEOUT_S)
        finally:
            self._process.kill()  # does nothing to one that has ended
            self._process.wait()
            if left := end_all(self._mark, self._process.pid):
                print(f"{self.name} left {left} processes, which were killed", file=sys.stderr)
            shutil.rmtree(self._directory, ignore_errors=True)

    def ask(self, timeout_s: float, do: str, **options: Any) -> dict[str, Any]:
        """Sends a command and returns its answer; raises ChildError."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the answer is the end of the stream, which tells more
            self._process.stdin.write(json.dumps({"do": do, **options}).encode() + b"\n")
            self._process.stdin.flush()
        return self.answer(timeout_s)

    def answer(self, timeout_s: float) -> dict[str, Any]:
        """The next answer; raises AnswerError where it is an error, ChildError where none comes."""
        line = self._read_line(time.monotonic() + timeout_s, timeout_s)
        found: dict[str, Any] = json.loads(line)
        if "error" in found:
            raise AnswerError(found["error"])
        return found

    def _read_line(self, deadline: float, timeout_s: float) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise ChildError(f"no answer within {timeout_s:g} s{self._log_tail()}")
            block = os.read(descriptor, 65536)
            if not block:
                raise ChildError(f"the process ended{self._log_tail()}")
            self._buffer += block
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _variables(self) -> dict[str, str]:
        path = [str(HERE), str(EXAMPLES), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {
            MARK: self._mark,
            "TMPDIR": str(self._directory),
            "PYTHONPATH": os.pathsep.join(path),
            "RAY_USAGE_STATS_ENABLED": "0",
        }

    def _log_tail(self) -> str:
        return "\n" + (self._directory / "log").read_bytes()[-_TAIL_BYTES:].decode(errors="replace")
