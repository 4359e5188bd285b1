"""When an environment's lane looks for more workers: only where what waits may start."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from stage import Stage, StandInPool, make_execution

from flytewarm_server.execution.admission import Admission
from flytewarm_server.pool.lane import Lane
from flytewarm_server.pool.sizing import Bounds

_Made = tuple[Lane, StandInPool, Admission]


async def test_what_waits_for_a_place_has_nobody_look_for_workers(
    stage: Callable[..., Stage], lane: _Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, _, _ = lane
    it = stage(Bounds(2, 2), lane=work)
    await it.start_all()
    work.submit(make_execution("a"))
    work.submit(make_execution("b"))
    looked: list[None] = []
    monkeypatch.setattr(it.workers, "replenish", lambda: looked.append(None))
    work.submit(make_execution("c"))
    work.submit(make_execution("own", own_process=True))
    assert looked == []
    work.submit(make_execution("nested", level=1))
    assert len(looked) == 1


async def test_what_waits_for_a_worker_alone_has_one_forked(stage: Callable[..., Stage], lane: _Made) -> None:
    work, _, _ = lane
    it = stage(Bounds(1, 2), lane=work)
    await it.start_all()
    work.submit(make_execution("a"))
    work.submit(make_execution("b"))
    assert len(it.names) == 2
    await it.start_all()
    assert {it.execution(worker) for worker in it.workers} == {"a", "b"}
