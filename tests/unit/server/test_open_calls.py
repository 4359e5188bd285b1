"""When connections may be closed: not while a call is open, nor right after its end."""

from __future__ import annotations

import asyncio

import pytest

from flytewarm_server.rpc import open_calls
from flytewarm_server.rpc.open_calls import OpenCalls

_LONG = 3600.0


async def _let_run() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_without_calls_nothing_is_waited_for() -> None:
    await asyncio.wait_for(OpenCalls().answered(_LONG), 10)


async def test_open_calls_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_calls, "_READ_SECONDS", 0.0)
    calls = OpenCalls()
    with calls.call():
        with calls.call():
            waits = asyncio.ensure_future(calls.answered(_LONG))
        await _let_run()
        assert not waits.done()
    await asyncio.wait_for(waits, 10)


async def test_answers_have_time_to_be_read() -> None:
    calls = OpenCalls()
    loop = asyncio.get_running_loop()
    with calls.call():
        pass
    ended = loop.time()
    waits = asyncio.ensure_future(calls.answered(_LONG))
    await _let_run()
    assert not waits.done()
    await asyncio.wait_for(waits, 10)
    assert loop.time() - ended > 0.9 * open_calls._READ_SECONDS


async def test_calls_that_come_later_are_not_waited_for() -> None:
    calls = OpenCalls()
    with calls.call():
        waits = asyncio.ensure_future(calls.answered(_LONG))
        await _let_run()
        later = calls.call()
        later.__enter__()
    await asyncio.wait_for(waits, 10)
    later.__exit__(None, None, None)


async def test_a_call_that_does_not_end_is_not_waited_for_any_longer() -> None:
    calls = OpenCalls()
    with calls.call():
        await asyncio.wait_for(calls.answered(0.01), 10)
