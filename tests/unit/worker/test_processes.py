"""Trees of processes: found, ended, reaped."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from flytewarm_api.worker import proc, processes

InFork = Callable[[Callable[[], None]], None]

# A tree of three that says when it stands: the shell, its child, and a grandchild in a session of its own.
_TREE = "setsid sh -c 'echo $$; exec sleep 1000' & sleep 1000 & echo $!; wait"


def _start_tree() -> tuple[subprocess.Popen[str], set[int]]:
    tree = subprocess.Popen(["sh", "-c", _TREE], stdout=subprocess.PIPE, text=True)
    assert tree.stdout is not None
    below = {int(tree.stdout.readline()), int(tree.stdout.readline())}
    return tree, {tree.pid, *below}


def _alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists()}


def test_the_whole_tree_is_ended_and_reaped(in_fork: InFork) -> None:
    def check() -> None:
        processes.become_subreaper()
        _, pids = _start_tree()
        assert len(_alive(pids)) == 3
        assert processes.kill_children() == 3
        assert _alive(pids) == set()
        assert not processes.has_children()
        assert processes.kill_children() == 0

    in_fork(check)


def test_what_is_kept_lives_with_what_is_below_it(in_fork: InFork) -> None:
    def check() -> None:
        processes.become_subreaper()
        tree, kept = _start_tree()
        _, ended = _start_tree()
        assert processes.kill_children(keep={tree.pid}) == 3
        assert _alive(kept) == kept
        assert _alive(ended) == set()
        assert proc.children() == {tree.pid}
        processes.kill_children()
        assert _alive(kept) == set()

    in_fork(check)


def test_a_process_that_ended_is_reaped(in_fork: InFork) -> None:
    def check() -> None:
        child = subprocess.Popen(["true"])
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert proc.children() == {child.pid}
        assert processes.has_children()
        assert processes.kill_children() == 1
        assert not processes.has_children()

    in_fork(check)


def test_a_process_that_ignores_signals_is_ended(in_fork: InFork) -> None:
    def check() -> None:
        child = subprocess.Popen(["sh", "-c", "trap '' TERM INT HUP; echo; while :; do sleep 1; done"], stdout=-1)
        assert child.stdout is not None
        child.stdout.readline()
        processes.become_subreaper()
        assert processes.kill_children() >= 1
        assert not processes.has_children()

    in_fork(check)


def test_a_process_dies_with_its_parent(in_fork: InFork) -> None:
    def check() -> None:
        processes.become_subreaper()
        read, write = os.pipe()
        parent = os.fork()
        if parent == 0:
            _fork_a_child_that_dies_with_us(write)
        os.close(write)
        child = int(os.read(read, 20))
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
        # The child came to this subreaper; it is killed by the kernel, not by this test.
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL

    in_fork(check)


def _fork_a_child_that_dies_with_us(write: int) -> None:
    parent = os.getpid()
    if os.fork() == 0:
        processes.die_with_parent(parent)
        os.write(write, str(os.getpid()).encode())
    while True:
        signal.pause()


def test_a_process_whose_parent_is_gone_ends_at_once(in_fork: InFork) -> None:
    def check() -> None:
        child = os.fork()
        if child == 0:
            processes.die_with_parent(parent=1 << 22)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 1

    in_fork(check)
