"""One system, or one figure, in a process of its own: the client of what it measures, and the parent of what it starts.

Commands come as lines of JSON on standard input, answers go as lines of JSON to standard output. Standard input closes
when the benchmark ends, however it ends; then everything that was started here is stopped.
"""

import asyncio
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from processes import cpu_seconds, pss_bytes
from systems.base import System, Target

Command = dict[str, Any]


class _Measurements:
    """The commands, by their names."""

    def __init__(self, system: System) -> None:
        self._system = system

    async def latency(self, target: str, calls: int) -> Command:
        from timings import time_one_by_one

        chosen = self._system.targets[target]
        return {"ms": await time_one_by_one(chosen.call, calls, chosen.pause_s)}

    async def throughput(self, target: str, callers: int, seconds: float) -> Command:
        from timings import count_calls

        chosen = self._system.targets[target]
        cpu: list[tuple[float, float]] = []
        window = await count_calls(chosen.call, callers, seconds, lambda: cpu.append(_cpu(chosen)))
        (client_before, before), (client_after, after) = cpu
        return {
            "executions": window.executions,
            "seconds": window.seconds,
            "system_cpu_s": after - before,
            "client_cpu_s": client_after - client_before,
        }

    async def memory(self) -> Command:
        workers = set(await self._system.workers())
        return {
            "workers": [pss_bytes(pid) for pid in sorted(workers)],
            "rest": sum(map(pss_bytes, self._system.processes() - workers)),
            "beside": {name: sum(map(pss_bytes, pids())) for name, pids in self._system.beside.items()},
        }


def _cpu(target: Target) -> tuple[float, float]:
    """CPU time of the client and of the system, in seconds."""
    return cpu_seconds([os.getpid()], with_ended=False), cpu_seconds(target.processes())


async def _serve_system(name: str, answer: Callable[[Command], None]) -> None:
    async with importlib.import_module(f"systems.{name}").running() as system:
        answer({"targets": {name: _describe(target) for name, target in system.targets.items()}})
        measurements = _Measurements(system)
        while line := await asyncio.to_thread(sys.stdin.readline):
            command = json.loads(line)
            try:
                answer(await getattr(measurements, command.pop("do"))(**command))
            except Exception as error:  # noqa: BLE001  # whatever a system fails with, the others are measured
                answer({"error": f"{type(error).__name__}: {error}"})


def _describe(target: Target) -> Command:
    return {"calls": target.calls, "callers": target.callers}


def main() -> None:
    kind, name, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # unwinds, so that everything is stopped

    def answer(what: Command) -> None:
        answers.write(json.dumps(what) + "\n")

    try:
        if kind == "system":
            asyncio.run(_serve_system(name, answer))
        else:
            answer(importlib.import_module(f"figures.{name}").measure(**options))
    except Exception as error:  # told to whoever reads the answers
        answer({"error": f"{type(error).__name__}: {error}"})
        raise


if __name__ == "__main__":
    main()
