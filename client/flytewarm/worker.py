"""For modules of tasks: functions that warm workers call at certain times.

    from flytewarm.worker import on_cancel, on_worker_start

    @on_worker_start
    def connect() -> None:
        ...

    @on_cancel
    def abort() -> None:
        ...

In a process that is no warm worker, such as one of `pyflyte-execute`, they are never called. service_variables() is
for programs that a task starts, which call the service. This module imports
neither gRPC nor flytekit.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar

from flytewarm_api import nesting
from flytewarm_api.worker.hooks import HOOKS

__all__ = ["on_cancel", "on_worker_start", "service_variables"]

HookT = TypeVar("HookT", bound=Callable[[], object])


def on_worker_start(function: HookT) -> HookT:
    """Has `function` called once in every worker, before its first execution: to open connections, to fill caches.

    Hooks are called in the order of their registration, in the worker's main thread, after the fork. What they leave
    behind (threads, descriptors, environment variables, a seed) belongs to the worker and stays for all executions. If
    an execution imports a module that was not preloaded, its hooks are called right after the import, in that
    execution.

    A hook that raises, be it SystemExit, makes the worker fail to start, with the error as the reason; one that hangs
    does when --start-timeout is over. In a module that an execution imports, its error is the execution's, and the
    worker is replaced.

    Registered while a task runs, it is dropped with the execution. Raises TypeError for anything but a plain function
    without required parameters.
    """
    _check("on_worker_start", function)
    HOOKS.worker_start.append(function)
    return function


def on_cancel(function: HookT) -> HookT:
    """Has `function` called when a running execution is ended from outside: cancelled, timed out, or preempted.

    It is called in the worker's main thread, wherever the task is there, in the execution's context, on SIGTERM. It has
    --cancel-grace seconds, 5 unless the service says otherwise, together with all other hooks; then the process is
    killed. Hooks are called in the reverse order of their registration, once. When the last one has returned, the
    process ends as it would without hooks; the outcome is that of the cancellation.

    A hook that raises, be it SystemExit, has its traceback written to the execution's log, and the next one is called.
    C code that does not come back to the interpreter keeps the main thread from hooks until it does. A lock that the
    task holds in the main thread is not to be taken. A task that handles SIGTERM itself takes the place of its hooks.

    Registered while a task runs, it is for that execution alone. Raises TypeError for anything but a plain function
    without required parameters, RuntimeError in another thread than the main one while no other hook is there.
    """
    _check("on_cancel", function)
    HOOKS.add_cancel(function)
    return function


def service_variables() -> dict[str, str]:
    """The environment variables with which a program that a task starts finds the service that runs the task:

        subprocess.run(["flytewarm", "run", ...], env={**os.environ, **service_variables()})

    FLYTEWARM_TARGET says where the service is, and FLYTEWARM_PARENT_EXECUTION for which execution the program calls, so
    that it does not wait for the worker that this execution holds. Credentials are not among them. Empty in a process
    that is no warm worker.
    """
    return nesting.variables()


def _check(decorator: str, function: object) -> None:
    if not callable(function):
        raise TypeError(f"@{decorator} needs a function, not {function!r}; it takes no arguments of its own")
    name = getattr(function, "__qualname__", repr(function))
    if inspect.iscoroutinefunction(function):
        raise TypeError(f"@{decorator} needs a plain function; {name} is a coroutine function")
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise TypeError(f"@{decorator} calls {name} without arguments: {error}") from None
    except ValueError:
        pass  # one of C code does not tell its parameters
