"""Directories that tasks have written to."""

from __future__ import annotations

import contextlib
import os
import secrets


def remove_tree(path: str | os.PathLike[str]) -> None:
    """Deletes a directory with all that is in it, however deep; one that is gone already is no error.

    Below a certain depth neither recursion nor a path reaches: so each directory is first moved up, beside `path`.
    Raises OSError for what cannot be deleted, after all else is.
    """
    root, token = os.path.abspath(path), secrets.token_hex(8)
    if os.path.islink(root) or os.path.isfile(root):
        os.unlink(root)
        return
    pending, moved, fault = [root], 0, None
    while pending:
        directory = pending.pop()
        try:
            for entry in _entries(directory):
                if entry.is_dir(follow_symlinks=False):
                    target, moved = f"{root}.{token}.{moved}", moved + 1
                    # To be moved to another place a directory has to be writable itself.
                    _make_writable(entry.path)
                    os.rename(entry.path, target)
                    pending.append(target)
                else:
                    os.unlink(entry.path)
            os.rmdir(directory)
        except FileNotFoundError:
            continue
        except OSError as error:
            fault = fault or error
    if fault is not None:
        raise fault


def _entries(directory: str) -> list[os.DirEntry[str]]:
    _make_writable(directory)
    with os.scandir(directory) as found:
        return list(found)


def _make_writable(directory: str) -> None:
    # Where that is refused, deleting is, too, and tells more.
    with contextlib.suppress(OSError):
        os.chmod(directory, 0o700)


def remove_quietly(path: str | os.PathLike[str]) -> None:
    """remove_tree, as far as it gets."""
    with contextlib.suppress(OSError):
        remove_tree(path)
