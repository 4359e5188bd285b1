"""What is read of a worker's stacks, whatever a task has put in their place."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flytewarm_api.worker.stacks import read_stacks, stacks_file


@pytest.mark.parametrize(
    "make",
    [
        Path.exists,
        Path.mkdir,
        os.mkfifo,
        lambda path: path.symlink_to("/etc/hostname"),
    ],
    ids=["nothing", "a directory", "a pipe", "a link"],
)
def test_what_is_no_file_is_nothing(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(stacks_file(tmp_path))
    assert read_stacks(tmp_path) == ""


def test_a_file_in_place_of_the_directory_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "worker").touch()
    assert read_stacks(tmp_path / "worker") == ""


def test_stacks_are_read(tmp_path: Path) -> None:
    stacks_file(tmp_path).write_bytes(b"Thread \xff")
    assert read_stacks(tmp_path) == "Thread \ufffd"
