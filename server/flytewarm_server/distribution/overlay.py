"""A distribution unpacked over the image's code, without touching that: links to what it does not replace."""

from __future__ import annotations

import os
from pathlib import Path


def overlay(code: Path, below: Path) -> None:
    """Adds to `code` a link for every entry of `below` that it lacks, in every directory that both have.

    pyflyte-fast-execute unpacks into the working directory, where what is not replaced stays. Here the working
    directory belongs to all executions, so each distribution gets a copy of its own, made of links.
    """
    with os.scandir(below) as entries:
        for entry in entries:
            mine = code / entry.name
            if not os.path.lexists(mine):
                mine.symlink_to(entry.path)
            elif entry.is_dir() and mine.is_dir() and not mine.is_symlink():
                overlay(mine, Path(entry.path))
