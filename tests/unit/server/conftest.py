"""An environment's workers, played by the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from stage import Stage, StandInPool

from flytewarm_server.execution.admission import Admission
from flytewarm_server.pool.lane import Lane


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def make(*arguments: Any, **options: Any) -> Stage:
        made.append(Stage(tmp_path, *arguments, **options))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
async def lane(tmp_path: Path) -> tuple[Lane, StandInPool, Admission]:
    pool, admission = StandInPool(), Admission(10, 0)
    pool.lane = Lane(pool, admission, "env", tmp_path)
    return pool.lane, pool, admission
