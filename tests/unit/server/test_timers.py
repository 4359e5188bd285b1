"""Timers that are shared, or stay set: who is called, when, and how often."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from flytewarm_server.timers import Countdown, Delay

_SECONDS = 0.05
# The loop's clock may run a timer its own resolution early.
_EARLIEST = _SECONDS * 0.9


async def test_each_is_called_once_in_order_after_its_time() -> None:
    delay, called, done = Delay(_SECONDS), [], asyncio.Event()
    begun: list[float] = []

    def note(number: int) -> None:
        called.append((number, time.monotonic() - begun[number]))
        if number == 2:
            done.set()

    for number in range(3):
        begun.append(time.monotonic())
        delay.call(partial(note, number))
        # The second is due while the timer of the first is set, the third with the second.
        await asyncio.sleep(_SECONDS / 2 if number == 0 else 0)
    await done.wait()
    assert [number for number, _ in called] == [0, 1, 2]
    assert min(after for _, after in called) >= _EARLIEST


async def test_what_is_called_may_ask_to_be_called_again() -> None:
    delay, called, done = Delay(0.001), [], asyncio.Event()

    def again() -> None:
        called.append(None)
        done.set() if len(called) == 3 else delay.call(again)

    delay.call(again)
    await done.wait()
    assert len(called) == 3


async def test_one_that_raises_keeps_no_other_from_being_called() -> None:
    delay, done = Delay(0.001), asyncio.Event()
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["exception"]))

    def fail() -> None:
        raise ValueError("x")

    delay.call(fail)
    delay.call(done.set)
    await asyncio.wait_for(done.wait(), 5)
    done.clear()
    delay.call(done.set)
    await asyncio.wait_for(done.wait(), 5)
    assert [str(error) for error in told] == ["x"]


async def test_what_takes_too_long_is_told_once() -> None:
    told = asyncio.Event()
    times: list[float] = []
    countdown = Countdown(_SECONDS, lambda: (times.append(time.monotonic()), told.set()))
    begin = time.monotonic()
    countdown.begin()
    await told.wait()
    await asyncio.sleep(2 * _SECONDS)
    assert len(times) == 1
    assert times[0] - begin >= _EARLIEST


async def test_what_has_ended_is_not_told_nor_what_began_later_too_early() -> None:
    told = asyncio.Event()
    times: list[float] = []
    countdown = Countdown(_SECONDS, lambda: (times.append(time.monotonic()), told.set()))
    countdown.begin()
    countdown.end()
    await asyncio.sleep(_SECONDS / 2)
    again = time.monotonic()
    countdown.begin()
    await told.wait()
    assert times[0] - again >= _EARLIEST
    times.clear()
    countdown.begin()
    countdown.close()
    await asyncio.sleep(2 * _SECONDS)
    assert not times
