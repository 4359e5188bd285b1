"""What tasks, which run as the service's user, find of the service."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from calls import Calls
from faults import Launched

# Gives up root's capabilities (PR_CAPBSET_DROP), then is the program that it is given. Others have none to give up.
_ORDINARY = """
import ctypes, os, sys
for capability in range(64):
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
_READ = "import sys; print(len(open(sys.argv[1], 'rb').read()))"


def _ordinary(*arguments: str) -> list[str]:
    return [sys.executable, "-c", _ORDINARY, sys.executable, *arguments]


def _reads(path: str) -> bool:
    """Whether an ordinary process of the same user can."""
    command = _ordinary("-c", _READ, path)
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.returncode == 0 or "PermissionError" in ended.stderr, ended.stderr
    return ended.returncode == 0


@pytest.mark.parametrize("debuggable", [False, True])
def test_the_services_variables_are_for_those_who_may_debug_it(tmp_path: Path, debuggable: bool) -> None:
    switch = "--debuggable" if debuggable else "--no-debuggable"
    command = _ordinary("-m", "flytewarm_server", "--workers", "1", "--listen", f"unix:{tmp_path}/s", switch)
    process = subprocess.Popen([*command, "--runtime-dir", str(tmp_path)], stderr=subprocess.PIPE, text=True)
    with process:
        started = Launched(process)
        try:
            started.read_until("listening")
            assert _reads(f"/proc/{process.pid}/environ") is debuggable
            started.read_until("environment ready")
            # Its processes end as ever.
            process.terminate()
            assert started.end() == 0
        finally:
            process.kill()
    assert not list(tmp_path.glob("flytewarm-*"))


def test_a_task_has_no_hold_on_its_zygotes_events(calls: Calls) -> None:
    assert calls.run("intruders.watched_but_not_open") == []
