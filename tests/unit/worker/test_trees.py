"""Deleting what tasks leave."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flytewarm_api.worker.trees import remove_tree

InFork = Callable[[Callable[[], None]], None]


def _deep(root: Path, levels: int) -> None:
    """Makes directories one in another, further than a path or recursion reaches."""
    root.mkdir()
    before = os.open(".", os.O_RDONLY)
    os.chdir(root)
    for _ in range(levels):
        os.mkdir("d")
        os.chdir("d")
    Path("file").touch()
    os.fchdir(before)
    os.close(before)


def test_directories_of_any_depth(tmp_path: Path) -> None:
    _deep(tmp_path / "deep", 3000)
    remove_tree(tmp_path / "deep")
    assert list(tmp_path.iterdir()) == []


def test_links_are_deleted_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(outside)
    remove_tree(inside)
    assert (outside / "file").exists()
    assert list(tmp_path.iterdir()) == [outside]


def test_one_that_is_gone_is_no_error(tmp_path: Path) -> None:
    remove_tree(tmp_path / "gone")


@pytest.fixture
def everybodys() -> Iterator[Path]:
    """A directory that each user may reach and write to, as pytest's own are not."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        os.chmod(directory, 0o777)
        yield Path(directory)


def test_directories_that_may_not_be_written_to(in_fork: InFork, everybodys: Path) -> None:
    closed = everybodys / "root" / "closed" / "below"

    def check() -> None:
        if os.getuid() == 0:
            # Root may write to any.
            os.setuid(65534)
        closed.mkdir(parents=True)
        (closed / "file").touch()
        for directory in (closed, closed.parent, closed.parent.parent):
            directory.chmod(0o500)
        remove_tree(everybodys / "root")

    in_fork(check)
    assert list(everybodys.iterdir()) == []


def test_a_link_in_the_place_of_the_directory_is_deleted(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(0o750)
    (tmp_path / "link").symlink_to(outside)
    remove_tree(tmp_path / "link")
    assert list(tmp_path.iterdir()) == [outside]
    assert outside.stat().st_mode & 0o777 == 0o750
