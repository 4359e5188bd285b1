"""Variables of executions reach C and child processes, and leave nothing in memory."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable

import psutil
import pytest

from flytewarm_worker.process_state import ProcessState
from flytewarm_worker.variables import EnvironmentOfC, set_variables

InFork = Callable[[Callable[[], None]], None]
_C = ctypes.CDLL(None)
_C.getenv.restype = ctypes.c_char_p


def test_everybody_sees_them(in_fork: InFork) -> None:
    def check() -> None:
        os.environ["SAME"] = "before"
        state = ProcessState()
        set_variables({"NEW": "é=x", "EMPTY": "", "SAME": "before", "HOME": "elsewhere"})
        assert (os.environ["NEW"], _C.getenv(b"NEW"), os.environ["EMPTY"]) == ("é=x", "é=x".encode(), "")
        told = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout.splitlines()
        assert {"NEW=é=x", "EMPTY=", "SAME=before", "HOME=elsewhere"} <= set(told)
        assert state.restore() == ""
        assert ("NEW" in os.environ, _C.getenv(b"NEW"), _C.getenv(b"SAME")) == (False, None, b"before")
        assert os.environ["HOME"] != "elsewhere"

    in_fork(check)


def _write_in_place() -> None:
    _C.getenv.restype = ctypes.c_void_p
    ctypes.memmove(_C.getenv(b"KNOWN"), b"other", 5)


def _write_the_name_in_place() -> None:
    _C.getenv.restype = ctypes.c_void_p
    ctypes.memmove(_C.getenv(b"KNOWN") - len("KNOWN="), b"OTHER", 5)


def _set_by_c() -> None:
    _C.setenv(b"KNOWN", b"other", 1)


def _unset_by_c() -> None:
    _C.unsetenv(b"KNOWN")


def _add_by_c() -> None:
    _C.setenv(b"ADDED", b"other", 1)


def _clear() -> None:
    _C.clearenv()


def _use_another_array() -> None:
    another = (ctypes.c_char_p * 2)(b"OTHER=other", None)
    kept.append(another)
    ctypes.c_void_p.in_dll(_C, "environ").value = ctypes.addressof(another)


def _end_the_array_early() -> None:
    pointers = ctypes.POINTER(ctypes.c_void_p).in_dll(_C, "environ")
    pointers[1] = None


kept: list[object] = []


@pytest.mark.parametrize("executions", [0, 2])
@pytest.mark.parametrize(
    "change",
    [
        _write_in_place,
        _write_the_name_in_place,
        _set_by_c,
        _unset_by_c,
        _add_by_c,
        _clear,
        _use_another_array,
        _end_the_array_early,
    ],
)
def test_what_c_code_changes_is_put_back(in_fork: InFork, change: Callable[[], None], executions: int) -> None:
    def told() -> set[str]:
        return set(subprocess.run(["/usr/bin/env"], capture_output=True, text=True, check=True).stdout.splitlines())

    def check() -> None:
        set_variables({"KNOWN": "value"})
        # Of pytest's process C knows more than os.environ does: on a terminal readline sets LINES and COLUMNS.
        before = set("\n".join(f"{name}={value}" for name, value in os.environ.items()).splitlines())
        of_c = EnvironmentOfC()
        assert "KNOWN=value" in told()
        for number in range(executions):
            _C.setenv(b"ADDED", str(number).encode(), 1)
            of_c.restore()
        change()
        of_c.restore()
        assert told() == before

    in_fork(check)


@pytest.mark.parametrize("variables", [{"": "x"}, {"A=B": "x"}, {"A": "\0"}, {"A\0": "x"}])
def test_what_cannot_be_set(variables: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no environment variable can be"):
        set_variables(variables)
    assert not variables.keys() & os.environ.keys()


def test_too_many() -> None:
    with pytest.raises(ValueError, match="2049 environment variables are more than 2048"):
        set_variables({f"MANY_{number}": "x" for number in range(2049)})
    assert "MANY_0" not in os.environ


def test_values_of_their_own_for_each_execution_leave_nothing(in_fork: InFork) -> None:
    def check() -> None:
        state = ProcessState()

        def executions(first: int, number: int) -> int:
            for count in range(first, first + number):
                set_variables({"ID": f"{count:0>10000}"})
                state.restore()
            return psutil.Process().memory_info().rss

        before = executions(0, 2500)
        # With setenv these would be 20 MB more.
        assert executions(2500, 2000) - before < 4 << 20

    in_fork(check)
