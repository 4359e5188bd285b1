"""What interpreters import, and how: flytekit, then an environment's code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterable, Iterator, Sequence

from flytewarm_api.worker import processes
from flytewarm_api.worker.v1 import frames_pb2
from flytewarm_worker.broken import BrokenEnvironmentError, HidesLibrariesError
from flytewarm_worker.fork_safety import assert_fit_to_fork, assert_forks_stay_fit

# Modules that were imported as libraries; a fork takes them along.
_of_libraries: set[str] = set()


def load_base() -> None:
    """Imports flytekit in an interpreter that was just exec'd."""
    # A console script has its own directory first on sys.path, not the working directory.
    sys.path[0] = os.path.dirname(sys.executable)
    processes.become_subreaper()
    # Collections while importing would touch, and so unshare, pages for nothing.
    gc.disable()
    from flytewarm_worker import worker

    worker.preload()


def load_libraries(command: frames_pb2.LoadLibraries) -> None:
    """Imports what environments have in common in this process. Raises BrokenEnvironmentError."""
    from flytewarm_worker import worker

    before = set(sys.modules)
    os.chdir(command.directory)
    worker.preload_environment(command.modules)
    _of_libraries.update(sys.modules.keys() - before)
    assert_fit_to_fork()
    assert_forks_stay_fit()


def load_environment(command: frames_pb2.LoadEnvironment) -> None:
    """Imports an environment's code in this process. Raises BrokenEnvironmentError."""
    from flytewarm_worker import worker

    os.environ.update(command.env)
    _check_modules(command.import_dirs)
    _put_first(command.import_dirs, command.destination)
    os.chdir(command.app_dir)
    # As the entrypoint does with its working directory.
    if all(os.path.realpath(entry) != os.path.realpath(command.app_dir) for entry in sys.path):
        sys.path.append(command.app_dir)
    worker.preload_environment(command.preload_modules)


def _check_modules(directories: Iterable[str]) -> None:
    """Raises BrokenEnvironmentError for modules in these directories that this process has imported from elsewhere, and
    of that HidesLibrariesError for those that it has as libraries."""
    for directory in directories:
        for module in _modules_in(directory):
            if module in _of_libraries:
                raise HidesLibrariesError(f"the code has a module {module} in place of a library")
            if module in sys.modules:
                raise BrokenEnvironmentError(
                    f"the code has a module {module} of its own, in place of one that flytekit has imported already"
                )


def _put_first(directories: Sequence[str], destination: str) -> None:
    """Has modules imported from these directories before all others, as PYTHONPATH does, and in the task's own
    processes, too; but after what PYTHONPATH has, or of that before the `destination` of the first directory."""
    given = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    code, packages = (directories[:1], directories[1:]) if destination else ([], directories)
    # After the directory of the program and what PYTHONPATH had before.
    end = 1 + len(given)
    sys.path[end:end] = packages
    place = min(_index(sys.path, destination), end)
    sys.path[place:place] = code
    if directories:
        place = _index(given, destination)
        os.environ["PYTHONPATH"] = os.pathsep.join([*given[:place], *code, *given[place:], *packages])


def _index(path: Sequence[str], directory: str) -> int:
    """Where a directory, or a link to it, is in a path; its end for none."""
    same = (index for index, entry in enumerate(path) if directory and os.path.realpath(entry) == directory)
    return next(same, len(path))


def _modules_in(directory: str) -> Iterator[str]:
    """Names of the top-level modules in a directory. A directory without __init__.py does not hide a module."""
    with os.scandir(directory) as entries:
        for entry in entries:
            name, _, suffix = entry.name.partition(".")
            # A program's, which nothing imports.
            if name == "__main__":
                continue
            if suffix in ("py", "so") or suffix.endswith(".so") or os.path.exists(f"{entry.path}/__init__.py"):
                yield name


def freeze() -> None:
    """Has the collector leave alone what is there now: it stays, and is to stay shared where it is."""
    gc.collect()
    gc.freeze()
