"""The worker: a plain blocking loop in a process forked from its environment's zygote."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import os
import pathlib
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn

import fsspec.asyn

# The entrypoint imports what an execution needs; so importing it here is the better part of a preload.
from flytekit.bin import entrypoint as _entrypoint  # noqa: F401

from flytewarm_api import nesting
from flytewarm_api.v1 import execution_pb2, task_executor_pb2
from flytewarm_api.worker import allocator, processes
from flytewarm_api.worker.stacks import stacks_file
from flytewarm_api.worker.v1 import frames_pb2
from flytewarm_worker import flytekit_private, imports, rehearsal, tasks
from flytewarm_worker.attributes import ATTRIBUTES
from flytewarm_worker.broken import BrokenEnvironmentError, PreloadError, told
from flytewarm_worker.channel import Channel, move_to_high_fd
from flytewarm_worker.configuration import ConfigurationCache
from flytewarm_worker.context import loading_context
from flytewarm_worker.hooks import WORKER_HOOKS, Cancellation
from flytewarm_worker.limits import fit_description
from flytewarm_worker.modules import imported as imported_modules
from flytewarm_worker.originals import (
    originals,
    originals_of_dictionaries,
    originals_of_lists,
    originals_of_loading,
)
from flytewarm_worker.plain_literals import are_models_in_place
from flytewarm_worker.preparation import Stages
from flytewarm_worker.process_state import ProcessState
from flytewarm_worker.random_state import RANDOM_STATES
from flytewarm_worker.request import Request, parse
from flytewarm_worker.runner import EventSink, Runner
from flytewarm_worker.sandbox import Sandboxes, set_arguments
from flytewarm_worker.signals import register_stacks
from flytewarm_worker.streams import StandardStreams
from flytewarm_worker.usage import MemoryGrowth, be_killed_first, reset_peak_memory

# How long the memory of large values is kept for the next ones, in seconds.
_MEMORY_SECONDS = 1.0


def preload() -> None:
    """Imports in the base zygote what flytekit imports on first use, and what tasks often do."""
    originals()
    originals_of_lists()
    originals_of_dictionaries()
    are_models_in_place()
    originals_of_loading()
    flytekit_private.load_type_transformers()
    # Of a generator that is there before it can be told whether a module of the tasks has seeded it.
    with contextlib.suppress(ModuleNotFoundError):
        importlib.import_module("numpy.random")
    # Looked at here, once, and inherited by all environments; these look only at what they import.
    ATTRIBUTES.adopt()
    imported_modules()


def preload_environment(modules: Iterable[str]) -> None:
    """Imports an environment's modules in its zygote, and registers the type transformers that these bring."""
    _, known = imported_modules()
    RANDOM_STATES.restore()
    with loading_context():
        for module in modules:
            _preload_module(module)
    RANDOM_STATES.adopt()
    flytekit_private.load_type_transformers()
    ATTRIBUTES.adopt_imported([name for name, module in sys.modules.items() if module is not known.get(name)])
    imported_modules()


def _preload_module(module: str) -> None:
    try:
        importlib.import_module(module)
    except BaseException as error:
        # The whole story goes to the service's log; the reason is one line.
        sys.stderr.write(f"preload module {module}:\n")
        traceback.print_exc()
        is_file = isinstance(error, ModuleNotFoundError) and module.endswith(".py")
        hint = f"; a module is named without .py: {module.removesuffix('.py')}" if is_file else ""
        raise PreloadError(f"preload module {module}: {type(error).__name__}: {error}{hint}") from error


def main(
    command: frames_pb2.ForkWorker,
    control_fd: int,
    stdout_fd: int,
    stderr_fd: int,
    *,
    load: Callable[[], None] | None = None,
) -> NoReturn:
    """Runs a worker in a process that was just forked, or exec'd: then `load` imports what a forked one finds there.
    Ends the process when the server goes away."""
    code = 1
    try:
        channel = Channel(control_fd)
        output = StandardStreams(stdout_fd, stderr_fd)
        with _telling_why_it_fails(channel):
            (load or _after_fork)()
            _begin(channel)
            _write_stacks_on_request(pathlib.Path(command.directory))
            nesting.serve_from(command.service)
            WORKER_HOOKS.start()
            worker = Worker(command, channel, output)
            worker.rehearse()
        worker.serve()
        code = 0
    except BrokenEnvironmentError:
        pass  # the server has been told all there is to tell
    except BaseException:  # noqa: BLE001  # the last resort of a process: say why, and end
        traceback.print_exc()
    finally:
        os._exit(code)


@contextlib.contextmanager
def _telling_why_it_fails(channel: Channel) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        reason = str(error) if isinstance(error, BrokenEnvironmentError) else f"{type(error).__name__}: {error}"
        channel.send(frames_pb2.WorkerReply(start_failed=told(reason)))
        raise


def _after_fork() -> None:
    """Leaves behind what the zygote's copy has of another process."""
    fsspec.asyn.reset_lock()
    fsspec.asyn.iothread[0] = fsspec.asyn.loop[0] = None
    # Python keeps that of the process that was forked.
    threading.main_thread()._set_native_id()  # type: ignore[attr-defined]


def _begin(channel: Channel) -> None:
    """Makes an interpreter with the environment's code a worker of its own: children, generators, collector, loop."""
    processes.become_subreaper()
    be_killed_first()
    # A process that the task forks must not hold the worker's control socket open.
    os.register_at_fork(after_in_child=channel.close)
    RANDOM_STATES.restore()
    flytekit_private.reseed_random()
    gc.enable()
    flytekit_private.run_coroutines_inline()
    flytekit_private.divert_decks()
    imports.install()


def _write_stacks_on_request(directory: pathlib.Path) -> None:
    """Has signals write the stacks of all threads: the kernel calls for it wherever the task may hang."""
    fd = os.open(stacks_file(directory), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    register_stacks(move_to_high_fd(fd))


class Worker:
    """Takes one request at a time: announce ready, wait, run, answer, restore."""

    def __init__(self, command: frames_pb2.ForkWorker, channel: Channel, output: StandardStreams) -> None:
        self._channel = channel
        self._output = output
        self._pid = os.getpid()
        self._count = 0
        self._sandboxes = Sandboxes(pathlib.Path(command.directory), os.getcwd(), may_watch=command.may_watch)
        self._state = ProcessState(command.directory)
        self._stages = Stages(self._sandboxes, ConfigurationCache(), self._state)
        self._max_growth_bytes = command.max_growth_bytes
        self._cancellation = Cancellation()
        self._rehearses = False
        # What the last execution had for inputs and outputs, and whether memory of such is still to be given back.
        self._passed_bytes = 0
        self._owes_memory = False

    def rehearse(self) -> None:
        """Runs a task of ours, so that the first execution does not take longer than the next. Whatever comes of it,
        executions will tell."""
        self._rehearses = True
        try:
            self._serve_one(functools.partial(self._execute, *rehearsal.request()))
            self._state.restore_attributes()
        finally:
            self._rehearses = False
        self._count = 0

    def serve(self) -> None:
        """Serves until the server closes the socket or the process must not be used again."""
        ready = frames_pb2.WorkerReady(pid=self._pid)
        growth = MemoryGrowth(self._max_growth_bytes)
        while True:
            self._output.attach()
            self._reply(ready=ready)
            if not ready.retire_reason:
                self._state.restore_attributes()
                self._give_memory_back()
                self._stages.prepare()
            work = self._next()
            if work is None or ready.retire_reason:
                return
            ready.retire_reason = self._serve_one(work)
            # Inputs may be large: they are not kept until the next ones come.
            del work
            ready.replace_reason = growth.reason_to_go()

    def _give_memory_back(self) -> None:
        """What the allocator keeps after large values: it is of use to the next ones, if these come soon."""
        is_large = self._passed_bytes >= allocator.LARGE_BYTES
        if is_large:
            self._owes_memory = True
            allocator.keep_freed()
        if self._owes_memory and not (is_large and self._channel.has_more_within(_MEMORY_SECONDS)):
            allocator.give_back()
            self._owes_memory = False

    def _next(self) -> Callable[[], None] | None:
        """Waits for a request; None when the server is gone."""
        request = self._channel.receive(frames_pb2.WorkerRequest)
        if request is None:
            return None
        if request.WhichOneof("request") == "describe":
            self._stages.leave()
            return functools.partial(self._describe, request.describe)
        payload = self._channel.receive_payload()
        if payload is not None and len(payload) >= allocator.LARGE_BYTES:
            # Whatever comes of the execution.
            self._owes_memory = True
            allocator.keep_freed()
        return None if payload is None else functools.partial(self._execute, request.execute, parse(payload))

    def _serve_one(self, work: Callable[[], None]) -> str:
        self._count += 1
        try:
            work()
        finally:
            if os.getpid() != self._pid:
                # The task forked and its child returned: it must not answer for this worker.
                os._exit(0)
            retire_reason = self._state.restore() or self._sandboxes.replace()
            reset_peak_memory()
        return retire_reason

    def _execute(self, frame: frames_pb2.Execute, request: Request) -> None:
        self._state.run(functools.partial(self._run, frame, request))

    def _run(self, frame: frames_pb2.Execute, request: Request) -> None:
        settings = request.message.settings
        stage = self._stages.enter(settings)
        if frame.command:
            set_arguments(frame.command)
        make_context = functools.partial(self._stages.context, stage, settings)
        with nesting.running(frame.execution_id), self._events() as emit, self._cancellation.awaited():
            ended = Runner(frame, request, stage.sandbox, make_context, emit, self._state).run()
        if os.getpid() != self._pid:
            os._exit(0)
        outcome = ended.outcome
        self._passed_bytes = outcome.receipt.input_bytes + outcome.receipt.output_bytes
        outcome.receipt.worker_executions = self._count
        outcome.receipt.worker_retired = self._state.leftovers()
        # What the task wrote must be in the pipes before the outcome is on the socket: the server relies on it.
        self._output.restore()
        # Finalizers may still write, and the next execution's output is not to begin with that.
        self._output.divert()
        if not self._rehearses:
            is_alone = not outcome.receipt.worker_retired and not processes.has_children()
            beside = frames_pb2.WorkerReply(alone=is_alone, literals_follow=ended.literals is not None)
            self._channel.send_in(frames_pb2.WorkerReply.OUTCOME_FIELD_NUMBER, outcome, beside, ended.literals)

    def _describe(self, request: task_executor_pb2.DescribeTaskRequest) -> None:
        try:
            with loading_context(), self._state.importing():
                described = tasks.describe(request.task)
                fit_description(described)
                self._reply(described=described)
        except BaseException:  # noqa: BLE001  # a module may call sys.exit() when it is imported
            # The user's module raised, or there is no such task: the caller is told.
            self._reply(describe_failed=told(traceback.format_exc(limit=-1)))
        finally:
            self._output.restore()

    @contextlib.contextmanager
    def _events(self) -> Iterator[EventSink]:
        """A sink for the events of one execution. A thread that the task leaves behind still has it, and is not heard:
        its events would be another execution's."""
        is_open = True

        def emit(event: execution_pb2.Event) -> None:
            if is_open:
                self._reply(event=event)

        yield emit
        is_open = False

    def _reply(self, **reply: object) -> None:
        if not self._rehearses:
            self._channel.send(frames_pb2.WorkerReply(**reply))  # type: ignore[arg-type]  # one of the oneof's messages
