"""Tasks that break what the rest of their own execution needs, as they would in a process of their own."""

import builtins
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import flytekit
from flytekit import FlyteContextManager, LaunchPlan, task
from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import FlyteEntities, flyte_context_Var
from flytekit.core.type_engine import TypeEngine


@task
def changes_the_root() -> None:
    os.chroot(os.getcwd())


@task
def gives_up_its_rights() -> None:
    os.setresuid(65534, 65534, 65534)


@task
def leaves_alarms() -> None:
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.05)
    signal.setitimer(signal.ITIMER_PROF, 0.05)


@task
def removes_every_module() -> None:
    sys.modules.clear()


@task
def replaces_builtins() -> None:
    builtins.open = builtins.print = builtins.isinstance = None  # type: ignore[assignment]
    builtins.hostile = 1  # type: ignore[attr-defined]


def _fake(*_: Any, **__: Any) -> Any:
    return None


@task
def patches_the_standard_library() -> None:
    json.dumps = json.loads = _fake  # type: ignore[assignment]
    os.getcwd = os.listdir = _fake  # type: ignore[assignment]
    time.time = time.perf_counter_ns = _fake  # type: ignore[assignment]
    subprocess.run = _fake
    logging.Logger.info = _fake  # type: ignore[method-assign]
    threading.Thread.start = _fake  # type: ignore[method-assign]


@task
def patches_flytekit() -> None:
    flytekit.task = _fake
    PythonTask.dispatch_execute = _fake  # type: ignore[method-assign]
    FlyteContextManager.current_context = staticmethod(_fake)  # type: ignore[method-assign]
    type(patches_the_worker).dispatch_execute = _fake


@task
def patches_the_worker() -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("flytewarm_worker.") and hasattr(module, "Runner"):
            module.Runner.run = _fake
            module.outcome = None


@task
def clears_flytekits_registries() -> None:
    TypeEngine._REGISTRY.clear()
    FlyteEntities.entities.clear()
    LaunchPlan.CACHE.clear()


@task
def removes_contexts() -> None:
    flyte_context_Var.get().clear()
