"""flytekit's coroutines run in the thread that asks for them, with the meaning that they have in flytekit."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flytekit.utils.asyn import loop_manager, run_sync

from flytewarm_worker.flytekit_private import end_loop_threads, run_coroutines_inline

InFork = Callable[[Callable[[], None]], None]
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


async def _thread() -> int:
    await asyncio.sleep(0)
    return threading.get_ident()


async def _add(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


async def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def _in_thread(function: Callable[[], Any]) -> Any:
    """Runs a function in another thread and hands on what it returns."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    (result,) = results
    return result


def test_flytekit_itself_uses_another_thread(in_fork: InFork) -> None:
    def check() -> None:
        assert run_sync(_thread) != threading.get_ident()

    in_fork(check)


def test_coroutines_run_in_the_calling_thread(in_fork: InFork) -> None:
    def check() -> None:
        run_coroutines_inline()
        assert run_sync(_thread) == threading.get_ident()
        assert run_sync(_add, 1, b=2) == 3
        assert loop_manager.synced(_add)(1, 2) == 3
        assert threading.active_count() == 1

    in_fork(check)


def test_one_loop_serves_all_calls(in_fork: InFork) -> None:
    def check() -> None:
        run_coroutines_inline()
        first = run_sync(_loop)
        assert run_sync(_loop) is first
        assert not first.is_closed()

    in_fork(check)


def test_a_coroutine_may_ask_for_another(in_fork: InFork) -> None:
    def check() -> None:
        run_coroutines_inline()

        async def outer(depth: int) -> int:
            # Blocks its own loop: the inner one needs another, which flytekit's way gives it.
            return depth if depth == 0 else run_sync(outer, depth - 1) + run_sync(_add, 0, 1)

        assert run_sync(outer, 3) == 3
        assert run_sync(_thread) == threading.get_ident()

    in_fork(check)


def test_a_task_may_run_a_loop_of_its_own(in_fork: InFork) -> None:
    def check() -> None:
        run_coroutines_inline()

        async def main() -> tuple[int, int]:
            return run_sync(_add, 1, 2), await _add(3, 4)

        assert asyncio.run(main()) == (3, 7)
        assert run_sync(_add, 1, 2) == 3

    in_fork(check)


def test_other_threads_go_flytekits_way(in_fork: InFork) -> None:
    def check() -> None:
        run_coroutines_inline()
        main_thread = threading.get_ident()
        worker, runner = _in_thread(lambda: (threading.get_ident(), run_sync(_thread)))
        assert len({main_thread, worker, runner}) == 3

    in_fork(check)


def test_a_coroutine_may_wait_for_a_thread_that_asks_for_one(in_fork: InFork) -> None:
    def check() -> None:
        run_coroutines_inline()

        async def outer() -> int:
            return await asyncio.to_thread(run_sync, _add, 1, 2)

        assert run_sync(outer) == 3

    in_fork(check)


class _Hesitating(ThreadPoolExecutor):
    """Its thread is told to end, and has something to do yet."""

    def shutdown(self, wait: bool = True, **how: Any) -> None:
        with contextlib.suppress(RuntimeError):  # it has been told before
            self.submit(time.sleep, 0.05)
        super().shutdown(wait, **how)


def test_threads_that_a_loop_of_flytekit_has_started_end_with_it(in_fork: InFork) -> None:
    def check() -> None:
        async def hand_over() -> None:
            loop = asyncio.get_running_loop()
            loop.set_default_executor(_Hesitating(1))
            await asyncio.to_thread(threading.get_ident)

        run_coroutines_inline()
        _in_thread(lambda: run_sync(hand_over))
        assert threading.active_count() == 3
        assert end_loop_threads() == ""
        assert threading.active_count() == 1

    in_fork(check)


def test_context_variables_are_seen(in_fork: InFork) -> None:
    def check() -> None:
        run_coroutines_inline()

        async def read() -> str:
            return variable.get()

        async def write() -> None:
            variable.set("inside")

        variable.set("outside")
        assert run_sync(read) == "outside"
        run_sync(write)
        # As in flytekit, where a coroutine has a copy of the caller's variables.
        assert variable.get() == "outside"

    in_fork(check)


@pytest.mark.parametrize("error", [ValueError("words"), SystemExit(3), KeyboardInterrupt()], ids=repr)
def test_exceptions_come_out_and_the_next_call_works(in_fork: InFork, error: BaseException) -> None:
    def check() -> None:
        run_coroutines_inline()

        async def fail() -> None:
            await asyncio.sleep(0)
            raise error

        with pytest.raises(type(error)) as failure:
            run_sync(fail)
        assert failure.value is error
        assert run_sync(_add, 1, 2) == 3

    in_fork(check)


def test_threads_of_loops_end_with_the_execution(in_fork: InFork) -> None:
    def check() -> None:
        run_coroutines_inline()
        loops = [_in_thread(lambda: run_sync(_loop)) for _ in range(2)]
        assert threading.active_count() > 1
        assert end_loop_threads() == ""
        assert threading.active_count() == 1
        assert all(loop.is_closed() for loop in loops)
        assert _in_thread(lambda: run_sync(_add, 1, 2)) == 3

    in_fork(check)


def test_a_loop_that_does_not_end_is_told(in_fork: InFork) -> None:
    async def block() -> None:
        begun.set()
        never.wait()

    def check() -> None:
        run_coroutines_inline()
        threading.Thread(target=lambda: run_sync(block), daemon=True).start()
        assert begun.wait(10)
        assert "does not let its loop end" in end_loop_threads()

    begun, never = threading.Event(), threading.Event()
    in_fork(check)
