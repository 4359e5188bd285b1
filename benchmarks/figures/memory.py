"""Memory (PSS) of workers and of the server, and what the service takes while it does nothing.

A further worker is what each costs that comes after the second: the difference between services with six and with two
workers, by four. It counts pages that a worker takes from its zygote's share, too.
"""

import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from addition import EXAMPLES, TASK, request
from blocking_client import Client, client_of
from figures.found import found
from processes import cpu_seconds, pss_bytes, tree
from showcase.service import Service

_APP = Path(__file__).resolve().parent.parent / "app"
_FEW, _MANY = 2, 6
_MB = 1e6
_ROUNDS_TO_ALL = 50
_MODELS = "benchmark_models"
_UNITS = {
    "server": "MB",
    "worker, flytekit": "MB",
    "further worker, flytekit": "MB",
    "service with two workers, flytekit": "MB",
    "further worker, models, forked": "MB",
    "further worker, models, exec'd": "MB",
    "further worker, models: forked / exec'd": "ratio",
    "idle CPU": "% of a core",
}


def measure(repetitions: int = 3, idle_s: float = 10.0) -> dict[str, Any]:
    """Starts one service after the other: with flytekit alone, and with models preloaded, forked and exec'd."""
    all_found = [_measure_once(idle_s) for _ in range(repetitions)]
    return {name: found(unit, [one[name] for one in all_found]) for name, unit in _UNITS.items()}


def _measure_once(idle_s: float) -> dict[str, float]:
    few, idle = _service_of(_FEW, "", TASK, EXAMPLES, idle_s=idle_s)
    many, _ = _service_of(_MANY, "", TASK, EXAMPLES)
    forked, execd = (_further(_MODELS, f"{_MODELS}.add", _APP, method) for method in ("fork", "exec"))
    return {
        "server": few.server,
        "worker, flytekit": statistics.mean(many.workers),
        "further worker, flytekit": _difference(few, many),
        "service with two workers, flytekit": few.everything,
        "further worker, models, forked": forked,
        "further worker, models, exec'd": execd,
        "further worker, models: forked / exec'd": forked / execd,
        "idle CPU": idle,
    }


class _Sizes:
    """In MB."""

    def __init__(self, service: Service, workers: Sequence[int]) -> None:
        self.server = pss_bytes(service.pid) / _MB
        self.workers = [pss_bytes(pid) / _MB for pid in workers]
        self.everything = sum(map(pss_bytes, tree(service.pid))) / _MB


def _further(preload: str, task: str, app_dir: Path, start_method: str) -> float:
    few, many = (
        _service_of(count, preload, task, app_dir, "--start-method", start_method)[0] for count in (_FEW, _MANY)
    )
    return _difference(few, many)


def _difference(few: _Sizes, many: _Sizes) -> float:
    return (many.everything - few.everything) / (_MANY - _FEW)


def _service_of(
    workers: int, preload: str, task: str, app_dir: Path, *options: str, idle_s: float = 0.0
) -> tuple[_Sizes, float]:
    """Sizes after each worker has executed something, and the idle CPU, in percent of a core, over `idle_s`."""
    service = Service(app_dir=app_dir, preload=preload, workers=workers, options=options)
    with service, client_of(service) as client:
        pids = _use_all(client, workers, task)
        sizes = _Sizes(service, pids)
        if not idle_s:
            return sizes, 0.0
        time.sleep(1)  # what the executions have left to do is done
        before = cpu_seconds(tree(service.pid))
        time.sleep(idle_s)
        return sizes, (cpu_seconds(tree(service.pid)) - before) / idle_s * 100


def _use_all(client: Client, count: int, task: str) -> list[int]:
    """Lets every worker execute something; returns their process ids."""
    asked = request(task=task)
    with ThreadPoolExecutor(count) as threads:
        for _ in range(_ROUNDS_TO_ALL):
            list(threads.map(lambda _: client.execute(asked), range(4 * count)))
            workers = client.environments()[0].workers
            if len(workers) == count and all(worker.executions for worker in workers):
                return [worker.pid for worker in workers]
    raise RuntimeError(f"not all of {count} workers have executed something")
