"""Nothing is lost and nothing is told twice under a load, with workers and zygotes killed."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from load import Load

from calls import Calls
from showcase.service import Service

TASKS = Path(__file__).parent / "tasks"


def test_every_execution_has_one_outcome(tmp_path: Path, full: bool, capsys: pytest.CaptureFixture[str]) -> None:
    executions, worker_kill_every, zygote_kill_every = (10_000, 50, 1_000) if full else (300, 50, 150)
    with Service(TASKS, workers=2, preload="steady", options=("--retain-executions", str(2 * executions))) as service:
        load = Load(service, tmp_path, executions, worker_kill_every, zygote_kill_every)
        load.run()
        with capsys.disabled():
            print(f"\n{executions} executions in {load.seconds:.0f} s: {dict(load.states)}, killed {dict(load.killed)}")
        assert load.problems() == []
        assert load.killed["worker"] + load.killed["zygote"] == (executions - 1) // worker_kill_every
        assert load.states["EXECUTION_STATE_SUCCEEDED"] >= executions - 2 * load.killed.total()
        with Calls(grpc.insecure_channel(service.target)) as calls:
            assert calls.run("steady.double", number=1, ran=str(tmp_path / "after")) == 2
        assert service.stop().problems == []
