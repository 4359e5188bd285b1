"""The one place that uses names which flytekit does not promise to keep: change this module when flytekit changes.

Each function says which name it uses and why there is no public way. Tests run on the oldest and newest flytekit.
"""

from __future__ import annotations

import asyncio
import asyncio.futures
import atexit
import concurrent.futures
import contextlib
import datetime
import functools
import os
import random
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, cast

import flytekit.configuration.file as configuration_file
import flytekit.deck.deck as deck_module
import fsspec.asyn
from flytekit.bin import entrypoint
from flytekit.configuration import DataConfig
from flytekit.core import context_manager, data_persistence, type_engine
from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import ExecutionParameters, ExecutionState, FlyteContextManager, FlyteEntities
from flytekit.core.launch_plan import LaunchPlan
from flytekit.core.python_function_task import PythonFunctionTask
from flytekit.core.type_engine import TypeEngine
from flytekit.core.utils import timeit
from flytekit.interfaces import random as flytekit_random
from flytekit.utils import asyn

# The name under which flytekit times the user's own code (base_task.dispatch_execute, flytekit.core.utils.timeit).
_USER_CODE_TIMER = "Execute user level code"

_flytekit_output_deck = deck_module._output_deck

# How long coroutines that a task left may take to end once cancelled, in seconds.
_CANCEL_SECONDS = 1.0

# How long idle threads may take to end, in seconds.
_POOL_SECONDS = 0.1

DeckSink = Callable[[str, ExecutionParameters], None]
# That of the execution. In a list: a module whose names change is looked through after each execution.
_deck_sinks: list[DeckSink] = []


def error_file_name() -> str:
    """The error document's name; distributed strategies add a random part. entrypoint._build_error_file_name."""
    return str(entrypoint._build_error_file_name())


def distributed_worker_name() -> str:
    """The worker's name in error documents of distributed tasks, else empty. entrypoint._get_worker_name."""
    return str(entrypoint._get_worker_name())


def array_job_index() -> int:
    """Index of a map task's item, from the environment. entrypoint._compute_array_job_index."""
    return int(entrypoint._compute_array_job_index())


def render_deck(parameters: ExecutionParameters) -> str:
    """The deck as an HTML document. deck._get_deck: FlyteContext.get_deck, which is public, depends on notebooks."""
    return str(deck_module._get_deck(new_user_params=parameters, ignore_jupyter=True))


def divert_decks() -> None:
    """Has Deck.publish() in a task call what install_deck_sink() was given.

    Replaces deck._output_deck, which writes the file and tells nobody. Local executions inside a task keep flytekit's.
    """
    deck_module._output_deck = _output_deck


def install_deck_sink(sink: DeckSink) -> None:
    """Has Deck.publish() call `sink(task_name, parameters)`, until forget_deck_sink()."""
    _deck_sinks[:] = [sink]


def forget_deck_sink() -> None:
    """Decks are flytekit's matter again. A sink may hold the inputs of an execution."""
    _deck_sinks.clear()


def _output_deck(task_name: str, new_user_params: ExecutionParameters) -> None:
    state = FlyteContextManager.current_context().execution_state
    if _deck_sinks and state is not None and state.mode == ExecutionState.Mode.TASK_EXECUTION:
        _deck_sinks[0](task_name, new_user_params)
    else:
        _flytekit_output_deck(task_name, new_user_params)


def user_code_time(parameters: ExecutionParameters) -> tuple[int, int] | None:
    """When the user's code ran: start in nanoseconds since the epoch, duration in nanoseconds. None if it never did.

    flytekit appends the figures to the timeline deck. A task with decks but without the timeline keeps them in a copy
    of the parameters that nobody else sees: None then too.
    """
    for entry in parameters.timeline_deck.time_info:
        if entry["Name"] == _USER_CODE_TIMER:
            return int(entry["Start"].timestamp() * 1e9), int(entry["WallTime"] * 1e9)
    return None


def end_timer(name: str, date: datetime.datetime, wall: float, cpu: float) -> None:
    """Has flytekit add to the timeline, and tell in its log, what began at a moment. flytekit.core.utils.timeit reads
    the clocks itself when it is entered."""
    timer = timeit(name)
    vars(timer).update(start_time=date, _start_wall_time=wall, _start_process_time=cpu)
    timer.__exit__(None, None, None)


def date_execution(parameters: ExecutionParameters, date: datetime.datetime) -> None:
    """Says when an execution takes place whose parameters were made before. ExecutionParameters._execution_date: the
    public builder makes another object, with a directory of its own."""
    parameters._execution_date = date


@contextlib.contextmanager
def deck_switch(task: Any, enabled: bool | None) -> Iterator[None]:
    """Turns a task's decks on or off for one execution; None leaves them. PythonTask._disable_deck has no setter."""
    if enabled is None or not isinstance(task, PythonTask):
        yield
        return
    before = task._disable_deck
    task._disable_deck = not enabled
    try:
        yield
    finally:
        task._disable_deck = before


def forget_last_execution(task: Any) -> None:
    """Has a task declare workflows anew, and flytekit convert each value anew, as in a process of its own.

    flytekit compiles a dynamic task once in a process (PythonFunctionTask._wf): the next execution would return the
    first one's nodes.
    """
    if isinstance(task, PythonFunctionTask):
        task._wf = None
    forget_literals()


def forget_literals() -> None:
    """Forgets what was converted. TypeEngine._LITERAL_CACHE, of flytekit 1.16 on: values may be large, and the literal
    of a data frame names a file below the raw output prefix of the execution that converted it."""
    if (cache := getattr(TypeEngine, "_LITERAL_CACHE", None)) is not None:
        cache.clear()


def entities() -> list[Any]:
    """What was declared in this process. FlyteEntities.entities is not promised."""
    return cast(list[Any], FlyteEntities.entities)


def launch_plans() -> dict[Any, Any]:
    """Those that were made in this process. LaunchPlan.CACHE has no way to forget."""
    return cast(dict[Any, Any], LaunchPlan.CACHE)


def transformers() -> dict[Any, Any]:
    """By type. TypeEngine._REGISTRY has no way to forget."""
    return cast(dict[Any, Any], TypeEngine._REGISTRY)


def writes_deck(task: Any) -> bool:
    """Whether the entrypoint would write a deck. PythonTask._disable_deck: disable_deck is public but warns."""
    return not getattr(task, "_disable_deck", True)


def context_stack() -> Any:
    """The live stack of contexts. context_manager.flyte_context_Var: only its size is public."""
    return context_manager.flyte_context_Var.get()


def use_outside_contexts(directory: str, data: DataConfig) -> None:
    """Gives what runs outside of an execution's context, such as threads of the task, the execution's own directory and
    configuration. context_manager.default_local_file_access_provider is made when flytekit is imported, once for all.
    `directory` has a directory local_flytekit.
    """
    provider = context_manager.default_local_file_access_provider
    provider._local_sandbox_dir = Path(f"{directory}/local_flytekit")
    provider._raw_output_prefix = f"{directory}/raw/"
    provider._data_config = data


def load_type_transformers() -> None:
    """Registers the lazily imported type transformers now. TypeEngine.lazy_import_transformers."""
    TypeEngine.lazy_import_transformers()


def run_coroutines_inline() -> None:
    """Has flytekit run coroutines of the main thread on a loop in that thread. Call it once, after the fork.

    flytekit hands each coroutine to a loop on a second thread and waits for it (asyn._TaskRunner.run): two wake-ups,
    which cost as much as the rest of a small task. A call from inside a running loop, or from another thread, still
    goes flytekit's way. The loop lives as long as the process, as flytekit's does: file systems keep connections on it.
    """
    loop = inline_loop()
    main_thread = threading.get_ident()
    run_on_thread = asyn._TaskRunner.run

    def run(runner: asyn._TaskRunner, coroutine: Coroutine[Any, Any, Any]) -> Any:
        if threading.get_ident() != main_thread or asyncio._get_running_loop() is not None:
            return run_on_thread(runner, coroutine)
        try:
            return loop.run_until_complete(coroutine)
        except asyncio.CancelledError:
            raise concurrent.futures.CancelledError from None
        except Exception as error:
            if (told := _as_another_thread_tells(error)) is error:
                raise
            raise told from None

    asyn._TaskRunner.run = run


def _as_another_thread_tells(error: Exception) -> Exception:
    """The exception that asyncio gives to a thread that waits for a coroutine: timeouts come without their traceback.
    asyncio.futures._convert_future_exc, which run_coroutine_threadsafe applies."""
    return cast(Exception, asyncio.futures._convert_future_exc(error))  # type: ignore[attr-defined]


def end_leftover_coroutines() -> str:
    """Cancels what a task left pending on the loop of run_coroutines_inline: it would go on in later executions.

    Returns why that failed, or an empty string.
    """
    loop = cast(Any, inline_loop())
    pool, loop._default_executor = loop._default_executor, None
    _end_pool(pool)
    if not (pending := asyncio.all_tasks(loop)):
        return ""
    for task in pending:
        task.cancel()
    _, stubborn = loop.run_until_complete(asyncio.wait(pending, timeout=_CANCEL_SECONDS))
    return f"the task left {len(stubborn)} coroutines that refuse to end" if stubborn else ""


def _end_pool(pool: Any) -> None:
    """Ends the threads of asyncio.to_thread, as far as they have nothing to do. BaseEventLoop._default_executor."""
    if pool is not None:
        pool.shutdown(wait=False, cancel_futures=True)
        deadline = time.monotonic() + _POOL_SECONDS
        for thread in pool._threads:
            thread.join(max(0.0, deadline - time.monotonic()))


def file_system_threads() -> set[int]:
    """Those of fsspec, which run the coroutines of its file systems and look up names for them: they serve whoever
    calls. fsspec.asyn.iothread, and BaseEventLoop._default_executor."""
    threads = {fsspec.asyn.iothread[0]}
    if (pool := getattr(fsspec.asyn.loop[0], "_default_executor", None)) is not None:
        threads |= pool._threads
    return {thread.ident for thread in threads if thread is not None and thread.ident is not None}


def end_loop_threads() -> str:
    """Ends the threads on which flytekit runs coroutines that are called from other threads or inside a running loop.

    It keeps one for each name of a thread (asyn.loop_manager._runner_map), for the life of a process. Returns why that
    failed, or an empty string.
    """
    runners = asyn.loop_manager._runner_map
    for name, runner in list(runners.items()):
        loop, thread = runner._TaskRunner__loop, runner._TaskRunner__runner_thread
        if loop is None:
            # It has no thread: run_coroutines_inline does its work. Each new one would take a place in atexit for ever.
            continue
        del runners[name]
        atexit.unregister(runner._close)
        if not loop.is_closed():
            # A loop that closes tells its threads to end, and does not wait for that.
            pool = loop._default_executor
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_CANCEL_SECONDS)
            if thread.is_alive():
                return "the task left a coroutine that does not let its loop end"
            _end_pool(pool)
    return ""


class _InlineLoop(asyncio.SelectorEventLoop):
    """fsspec knows a loop by its text and its thread: with a text of its own, file systems of this loop are not taken
    for those of a loop that a task runs in the main thread."""

    def __repr__(self) -> str:
        return f"<inline {super().__repr__()}>"


# A task that asks what its loop is gets the answer that it gets in a process of its own.
_InlineLoop.__name__ = _InlineLoop.__qualname__ = asyncio.SelectorEventLoop.__name__


@functools.lru_cache(maxsize=1)
def inline_loop() -> asyncio.AbstractEventLoop:
    """The loop of this process's main thread."""
    return _InlineLoop()


def forget_configuration_file() -> None:
    """Has flytekit look for its configuration file again: get_config_file is cached for the life of a process."""
    configuration_file.get_config_file.cache_clear()


def read_import_time_variables() -> None:
    """Applies the variables that flytekit reads only when it is imported, with its defaults.

    data_persistence._WRITE_SIZE_CHUNK_BYTES and type_engine._TYPE_ENGINE_COROS_BATCH_SIZE have no setters.
    """
    data_persistence._WRITE_SIZE_CHUNK_BYTES = _whole_number("_F_P_WRITE_CHUNK_SIZE", 25 << 20)
    type_engine._TYPE_ENGINE_COROS_BATCH_SIZE = _whole_number("_F_TE_MAX_COROS", 10)


def converts_collections() -> bool:
    """Whether the number of coroutines that run at a time (_F_TE_MAX_COROS) is one with which flytekit converts lists
    and dictionaries. type_engine._TYPE_ENGINE_COROS_BATCH_SIZE."""
    size: Any = type_engine._TYPE_ENGINE_COROS_BATCH_SIZE
    # As fsspec has it, -1 is for any number.
    return type(size) is int and (size > 0 or size == -1)


def _whole_number(variable: str, default: int) -> int:
    return int(os.environ.get(variable, default))


def reseed_random() -> None:
    """Gives this process its own random paths: flytekit keeps a generator apart from Python's, which a fork copies."""
    generator: random.Random = flytekit_random.random
    generator.seed()
