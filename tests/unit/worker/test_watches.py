"""Watches: quiet only as long as nothing has happened to what is watched."""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from flytewarm_worker.watches import Watches

InFork = Callable[[Callable[[], None]], None]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """With a directory and a file in it."""
    (tmp_path / "in").mkdir()
    (tmp_path / "file").write_text("text")
    return tmp_path


@pytest.fixture
def watches(directory: Path) -> Watches:
    """Of the directories and the file."""
    watches = Watches(may_watch=True)
    watches.begin([str(directory), f"{directory}/in"], [f"{directory}/file"])
    return watches


def test_it_is_quiet_while_nothing_happens(directory: Path, watches: Watches) -> None:
    os.stat(directory / "file")
    os.listdir(directory)
    assert watches.is_quiet()
    assert watches.is_quiet()


def _make(directory: Path) -> None:
    (directory / "in" / "new").touch()


def _move(directory: Path) -> None:
    (directory / "in").rename(directory / "out")


def _change_mode(directory: Path) -> None:
    (directory / "in").chmod(0o500)


@pytest.mark.parametrize("change", [_make, _move, _change_mode])
def test_a_change_of_a_directory_is_told_once(
    directory: Path, watches: Watches, change: Callable[[Path], None]
) -> None:
    change(directory)
    assert not watches.is_quiet()
    assert watches.is_quiet()


def _open(directory: Path) -> None:
    (directory / "file").read_text()


def _link(directory: Path) -> None:
    os.link(directory / "file", directory.parent / f"{directory.name} link")


def _truncate(directory: Path) -> None:
    os.truncate(directory / "file", 1)


def _overflow(directory: Path) -> None:
    """More than the kernel keeps: one of the file may be among those that it drops."""
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for _ in range(most // 2 + 1):
        # Not the same twice, as of these it keeps one.
        (directory / "new").touch()
        (directory / "new").unlink()


@pytest.mark.parametrize("change", [_open, _link, _truncate, _overflow])
def test_it_is_never_quiet_again_when_a_file_may_have_been_opened(
    directory: Path, watches: Watches, change: Callable[[Path], None]
) -> None:
    change(directory)
    assert not watches.is_quiet()
    assert not watches.is_quiet()
    assert not watches.is_watching


def test_what_happened_to_those_before_is_not_told(directory: Path, watches: Watches) -> None:
    _make(directory)
    _open(directory)
    watches.begin([f"{directory}/in"], [])
    assert watches.is_quiet()
    # Not watched any more.
    (directory / "file").unlink()
    assert watches.is_quiet()


def test_it_is_not_quiet_where_one_cannot_be_watched(directory: Path, watches: Watches) -> None:
    watches.begin([str(directory), f"{directory}/none"], [])
    assert not watches.is_quiet()


def test_it_is_not_quiet_where_the_kernel_grants_nothing(in_fork: InFork, directory: Path) -> None:
    def check() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
        watches = Watches(may_watch=True)
        watches.begin([str(directory)], [])
        assert not watches.is_quiet()

    in_fork(check)


def test_what_is_mounted_over_a_directory_is_told(in_fork: InFork, directory: Path) -> None:
    c = ctypes.CDLL(None)
    new_user, new_mounts, private = 0x10000000, 0x20000, (1 << 18) | (1 << 14)

    def check() -> None:
        if c.unshare(new_mounts if os.getuid() == 0 else new_user | new_mounts) != 0:
            return
        assert c.mount(None, b"/", None, private, None) == 0
        watches = Watches(may_watch=True)
        watches.begin([str(directory), f"{directory}/in"], [])
        assert watches.is_quiet()
        assert c.mount(b"none", os.fsencode(directory / "in"), b"tmpfs", 0, None) == 0
        assert not watches.is_quiet()
        assert not watches.is_watching

    in_fork(check)


def test_another_namespace_of_mounts_is_not_quiet(in_fork: InFork, directory: Path) -> None:
    """What is mounted there is not in the table that is open."""
    c = ctypes.CDLL(None)
    new_user, new_mounts = 0x10000000, 0x20000

    def check() -> None:
        watches = Watches(may_watch=True)
        watches.begin([str(directory)], [])
        assert watches.is_quiet()
        if c.unshare(new_mounts if os.getuid() == 0 else new_user | new_mounts) == 0:
            assert not watches.is_quiet()

    in_fork(check)


def test_a_task_that_has_reading_wait_for_more_holds_nobody_up(directory: Path, watches: Watches) -> None:
    assert watches._queue is not None
    os.set_blocking(watches._queue, True)
    _make(directory)
    assert not watches.is_quiet()
    assert watches.is_quiet()


def test_one_that_goes_on_with_another_directory_ends(directory: Path, watches: Watches) -> None:
    watches.go_on([str(directory), f"{directory}/in"])
    assert watches.is_watching
    (directory / "in").rename(directory / "out")
    (directory / "in").mkdir()
    watches.go_on([str(directory), f"{directory}/in"])
    assert not watches.is_watching
