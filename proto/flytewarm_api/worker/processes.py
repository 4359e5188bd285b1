"""What Linux offers to keep a tree of processes together: parent-death signals, subreapers, lists of children."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal

from flytewarm_api.worker import proc

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)
# The arguments are as long as a register.
_libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_void_p] * 4]
# What prctl(2) writes. Made once: each would be of a new type, which takes longer than the call.
_NOTHING = bytes(16)
_attribute = ctypes.create_string_buffer(len(_NOTHING))


def _prctl(option: int, argument: int | bytes) -> None:
    if _libc.prctl(option, argument, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def read_attribute(option: int) -> int:
    """An attribute of this process that prctl(2) returns. Raises OSError."""
    if (value := _libc.prctl(option, 0, 0, 0, 0)) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")
    return int(value)


def read_attribute_into(option: int) -> bytes:
    """An attribute of this process that prctl(2) writes, in at most 16 bytes. Raises OSError."""
    # Some are shorter: what was there before must not be in the rest.
    _attribute.raw = _NOTHING
    _prctl(option, ctypes.addressof(_attribute))
    return _attribute.raw


def set_attribute(option: int, value: int | bytes) -> None:
    """Sets an attribute of this process. Raises OSError."""
    _prctl(option, value)


def die_with_parent(parent: int) -> None:
    """Has the kernel kill this process when its parent, whose id is `parent`, ends.

    The parent must be single-threaded: the signal comes when the forking thread ends. Ends the process at once when the
    parent was gone before the call.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def become_subreaper() -> None:
    """Makes orphaned descendants children of this process instead of init's."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def forbid_inspection() -> None:
    """Hides this process's memory, variables and descriptors from processes of the same user, and has it leave no core
    dump. What it execs is not hidden."""
    _prctl(_PR_SET_DUMPABLE, 0)


def flush_c_stdio() -> None:
    """Writes out what C code has left in its stdio buffers."""
    _libc.fflush(None)


def kill_children(keep: set[int] | frozenset[int] = frozenset()) -> int:
    """Kills and reaps every descendant below this subreaper except the children in `keep` and what is below them.

    Killing a child hands its own children to this process, so it goes on until none is left. Returns how many
    it reaped.
    """
    count = 0
    while victims := proc.children() - keep:
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in victims:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
                count += 1
    return count


def has_children() -> bool:
    """Whether this process has any child, running or zombie; one system call."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
