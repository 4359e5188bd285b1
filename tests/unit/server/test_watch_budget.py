"""Workers take what the kernel grants a user only up to their share, and give it back when they end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from flytewarm_server.pool import watch_budget
from flytewarm_server.pool.watch_budget import WatchBudget


async def test_what_a_worker_took_is_free_when_it_has_ended() -> None:
    budget, loop = WatchBudget(2), asyncio.get_running_loop()
    workers = [loop.create_future() for _ in range(4)]
    assert [budget.take(worker) for worker in workers[:3]] == [True, True, False]
    workers[2].set_result(0)
    await asyncio.sleep(0)
    assert not budget.take(workers[3])
    workers[0].set_result(0)
    await asyncio.sleep(0)
    assert budget.take(workers[3])


@pytest.mark.parametrize(("told", "granted"), [("128\n", 32), ("3\n", 0), ("much\n", 0), (None, 0)])
async def test_a_quarter_of_what_the_kernel_grants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str | None, granted: int
) -> None:
    limit = tmp_path / "max_user_instances"
    if told is not None:
        limit.write_text(told)
    monkeypatch.setattr(watch_budget, "_LIMIT", limit)
    budget, loop = watch_budget.watch_budget(), asyncio.get_running_loop()
    taken = 0
    while taken <= granted and budget.take(loop.create_future()):
        taken += 1
    assert taken == granted
