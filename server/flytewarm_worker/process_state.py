"""What a task may change in its process, as it was when the worker began, and put back after each execution."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator

from flytewarm_api.worker import processes
from flytewarm_worker import flytekit_private, imports, resource_tracker
from flytewarm_worker.attributes import ATTRIBUTES
from flytewarm_worker.context_variables import ContextVariables
from flytewarm_worker.descriptors import Descriptors, open_status
from flytewarm_worker.file_systems import FileSystems
from flytewarm_worker.hooks import WORKER_HOOKS
from flytewarm_worker.interpreter_settings import InterpreterSettings
from flytewarm_worker.loggers import FlyteLoggers, Loggers
from flytewarm_worker.modules import Modules
from flytewarm_worker.random_state import RANDOM_STATES
from flytewarm_worker.registries import Registries
from flytewarm_worker.rights import Rights
from flytewarm_worker.signals import Signals
from flytewarm_worker.variables import EnvironmentOfC, raw_environment

# What a new thread gets to begin, in seconds.
_BEGIN_SECONDS = 0.02


class ProcessState:
    """A snapshot, and the way back to it."""

    def __init__(self, own_directory: str = "") -> None:
        """`own_directory`: where the directories of the executions are; empty for none."""
        self._modules = Modules(own_directory)
        self._environment, self._environment_of_c = dict(raw_environment()), EnvironmentOfC()
        self._directory = os.getcwd()
        self._umask = _current_umask()
        self._path = list(sys.path)
        self._argv, self._orig_argv = list(sys.argv), list(sys.orig_argv)
        self._main_file = sys.modules["__main__"].__dict__.get("__file__")
        self._settings = InterpreterSettings()
        self._loggers, self._flyte_loggers = Loggers(), FlyteLoggers()
        self._file_systems = FileSystems(flytekit_private.inline_loop())
        self._signals = Signals()
        self._rights = Rights()
        self._zone = time.tzname
        self._registries = Registries()
        self._variables = ContextVariables()
        self._context_depth = len(flytekit_private.context_stack())
        self._temporary_directory = tempfile.tempdir
        # Before the descriptors, as these are the worker's own.
        self._task_status, self._timers = open_status("task"), _open_timers()
        self._descriptors = Descriptors()
        # Those of modules and hooks serve the worker for as long as it lives.
        self._threads, self._unlisted_threads = _threads(), _unlisted_threads()
        # A number that grows with that of the threads, those of C code included.
        self._tasks = os.fstat(self._task_status).st_nlink
        self._imported: list[str] = []
        self._left: str | None = None
        ATTRIBUTES.adopt()
        WORKER_HOOKS.adopt()

    def run(self, function: Callable[[], None]) -> None:
        """Calls `function`, an execution, with context variables of its own."""
        with imports.watched(self._keeping_changes):
            self._variables.run(function)

    def begin(self) -> None:
        """Sets up what depends on the environment variables of the execution, which are in os.environ."""
        self._flyte_loggers.set_up()

    @contextlib.contextmanager
    def importing(self) -> Iterator[None]:
        """Keeps what modules change when they are imported: they are not imported again, and a task that comes later
        expects it, too. For imports before the task has begun: everything that has changed is theirs."""
        modules = len(sys.modules)
        try:
            with imports.watched(None), self._variables.importing(), self._keeping_changes():
                yield
                WORKER_HOOKS.start()
        finally:
            if len(sys.modules) != modules:
                imported = self._modules.adopt()
                self._registries.adopt_transformers()
                self._flyte_loggers.adopt()
                ATTRIBUTES.adopt_imported(imported)
                RANDOM_STATES.adopt()
                WORKER_HOOKS.adopt()

    @contextlib.contextmanager
    def _keeping_changes(self) -> Iterator[None]:
        """Keeps what changes in this block, which imports modules, and nothing that the task has changed before."""
        environment, path, threads, unlisted = dict(raw_environment()), list(sys.path), _threads(), _unlisted_threads()
        parts = (self._settings, self._file_systems, self._loggers, self._registries, self._signals)
        before = [part.read() for part in parts]
        modules = len(sys.modules)
        try:
            yield
        finally:
            if len(sys.modules) != modules:
                for part, was in zip(parts, before, strict=True):
                    part.adopt(was)  # type: ignore[attr-defined]  # each takes what it has read
                self._threads |= _threads() - threads
                self._unlisted_threads += max(_unlisted_threads() - unlisted, 0)
                self._adopt_environment(environment)
                if sys.path[: -len(path)] and sys.path[-len(path) :] == path:
                    self._path[:0] = sys.path[: -len(path)]

    def _adopt_environment(self, before: dict[bytes, bytes]) -> None:
        now = raw_environment()
        self._environment.update({name: value for name, value in now.items() if before.get(name) != value})
        for name in before.keys() - now.keys():
            self._environment.pop(name, None)

    def leftovers(self) -> str:
        """What the execution has left running or open, for which the process must not be used again; otherwise empty.

        Looked at before the outcome is sent, which tells it; restore() returns it, too.
        """
        self._left = (
            self._restore_contexts()
            or self._descriptors.check()
            or flytekit_private.end_leftover_coroutines()
            or flytekit_private.end_loop_threads()
            or self._check_threads()
            or self._check_timers()
        )
        return self._left

    def restore(self) -> str:
        """Puts everything back but attributes. Returns why the process must not be used again, or an empty string."""
        left = self.leftovers() if self._left is None else self._left
        self._left = None
        self._restore_environment()
        self._restore_interpreter()
        self._signals.restore()
        self._registries.restore()
        self._file_systems.restore()
        self._imported = self._modules.restore()
        RANDOM_STATES.restore()
        if processes.has_children():
            processes.kill_children(keep=resource_tracker.tracker_pids())
            resource_tracker.end_tracker()
        # Each of them has something to put back.
        return " ".join(filter(None, (left, WORKER_HOOKS.restore(), self._rights.restore(), self._restore_directory())))

    def withdraw(self) -> None:
        """Puts back what was set for an execution that does not begin: of a task nothing has run."""
        self._restore_environment()
        tempfile.tempdir = self._temporary_directory
        sys.path[:] = self._path
        self._restore_directory()

    def restore_attributes(self) -> None:
        """Puts back functions and classes that were replaced: apart, as that takes a while and cannot fail."""
        ATTRIBUTES.restore(self._imported)

    def _restore_environment(self) -> None:
        now = raw_environment()
        # What os.environ does, without decoding and encoding again.
        for name in now.keys() - self._environment.keys():
            os.unsetenv(name)
            del now[name]
        for name, value in self._environment.items() - now.items():
            os.putenv(name, value)
            now[name] = value
        self._environment_of_c.restore()
        if time.tzname != self._zone:
            time.tzset()

    def _restore_interpreter(self) -> None:
        tempfile.tempdir = self._temporary_directory
        os.umask(self._umask)
        for entry in set(sys.path) - set(self._path):
            # Each execution has a directory of its own on the path: its finder would stay for ever.
            sys.path_importer_cache.pop(entry, None)
        sys.path[:] = self._path
        sys.argv[:], sys.orig_argv[:] = self._argv, self._orig_argv
        name_main_module(self._main_file)
        self._settings.restore()
        self._loggers.restore()
        self._flyte_loggers.restore()
        # asyncio.run() leaves the main thread without an event loop, where it had one on demand.
        asyncio.set_event_loop_policy(None)

    def _restore_directory(self) -> str:
        try:
            os.chdir(self._directory)
        except OSError as error:
            return f"the working directory is gone: {error}"
        return ""

    def _restore_contexts(self) -> str:
        depth = len(flytekit_private.context_stack())
        if depth < self._context_depth:
            return f"the task left {depth} contexts of {self._context_depth}"
        del flytekit_private.context_stack()[self._context_depth :]
        return ""

    def _wait_for_threads_to_begin(self) -> None:
        """One that was just started counts only when it has begun. Libraries in C, on their first use, are waited for
        in vain, once."""
        if (started := os.fstat(self._task_status).st_nlink) > self._tasks:
            count, deadline = _thread._count(), time.monotonic() + _BEGIN_SECONDS
            while _thread._count() == count and time.monotonic() < deadline:
                time.sleep(0.001)
        self._tasks = started

    def _check_threads(self) -> str:
        """A thread cannot be ended, and what it writes later would appear in another execution's log."""
        self._wait_for_threads_to_begin()
        harmless = self._threads | flytekit_private.file_system_threads()
        if left := _threads() - harmless:
            names = {thread.ident: thread.name for thread in threading.enumerate()}
            return f"the task left the thread {names.get(min(left), 'that has no name')!r}"
        # One that is in C code from its beginning on is only counted.
        return "the task left a thread" if _unlisted_threads() > self._unlisted_threads else ""

    def _check_timers(self) -> str:
        """Those that C code has made: they would signal another execution, and nobody else can delete them."""
        return "the task left a timer" if self._timers is not None and os.pread(self._timers, 1, 0) else ""


def name_main_module(file: str | None) -> None:
    """Gives the module __main__ the file of a script, or none: processes that the task spawns import it."""
    main = sys.modules["__main__"].__dict__
    if file is None:
        main.pop("__file__", None)
    else:
        main["__file__"] = file


def _open_timers() -> int | None:
    try:
        return open_status("timers")
    except OSError:
        # Kernels can be built without, and a sandbox may hide it.
        return None


def _threads() -> set[int]:
    """Those that have run Python's code, also if the module threading knows nothing of them. What libraries in C start
    for themselves is theirs."""
    return set(sys._current_frames())


def _unlisted_threads() -> int:
    """How many the module threading knows nothing of. The count is without the main thread, the list has it."""
    listed = sum(not isinstance(thread, threading._DummyThread) for thread in threading.enumerate())
    return _thread._count() - listed + 1


def _current_umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
