"""An environment that is given up lets go of everybody who waits for its end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from unittest.mock import Mock

from flytewarm_server.pool.environment import Code, Environment, EnvironmentSpec
from flytewarm_server.pool.sizing import Bounds
from flytewarm_server.pool.worker import EventLimits
from flytewarm_server.pool.workers import WorkerTerms


def test_closing_it_is_its_end(tmp_path: Path) -> None:
    async def close() -> bool:
        spec, terms = EnvironmentSpec("/python", "/app", ()), WorkerTerms(Bounds(1, 1), 1.0, EventLimits(1))
        environment = Environment(spec, Code("/app"), Mock(), tmp_path, terms, Mock(), Mock())
        await environment.close()
        return environment.gone.is_set()

    assert asyncio.run(close())
