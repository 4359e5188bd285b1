"""What the rounds of a comparison amount to: medians with their spread, and ratios within rounds.

Ratios are made in each round, of what was measured moments apart, and then their median is taken: a machine that is
slow for a while makes both slow.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from comparison import Comparison, Measured
from turns import SEED

PEERS = ("loky", "Ray actors", "Dask distributed", "Celery on Redis")
# What the systems' modules, and what runs beside them, are called for people.
LABELS = {
    "echo server": "echo server",
    "over_grpc": "flytewarm",
    "in_process": "flytekit in process",
    "loky_pool": "loky",
    "ray_actors": "Ray actors",
    "dask_cluster": "Dask distributed",
    "celery_redis": "Celery on Redis",
}
# In the names of targets with pauses; peers are called without.
_PACED = " paced"
# How many executions are under way where the throughputs of two systems are compared.
CALLERS_OF_RATIOS = 64
Summary = dict[str, Any]
Round = dict[str, Measured]
Pick = Callable[[Measured], float | None]


def spread(values: Iterable[float | None]) -> dict[str, float] | None:
    """Median, lowest and highest of the values that there are; None if there are none."""
    present = [value for value in values if value is not None]
    if not present:
        return None
    return {"median": statistics.median(present), "low": min(present), "high": max(present)}


def summarize(made: Comparison) -> Summary:
    """The comparison, ready for JSON."""
    # Not in the order of the rounds, which is another one in each.
    order = list(LABELS)
    targets = sorted(made.systems, key=lambda name: order.index(made.systems[name]))
    return {
        "targets": {name: _target(made.rounds, name) for name in targets if any(name in one for one in made.rounds)},
        "ratios": {
            name: spread(_ratio(_of(one, above, pick), _of(one, below, pick)) for one in made.rounds)
            for name, (above, below, pick) in _RATIOS.items()
        },
        "memory": {LABELS[name]: _memory(made, name) for name in LABELS if any(name in one for one in made.memory)},
        "left_out": made.left_out,
        "seed": SEED,
    }


def floor_of(name: str) -> str:
    """The echo that does what a target does: on a stream that is open already, or with pauses, by its transport."""
    transport = "tcp" if name.endswith(" tcp") else "unix"
    if name.startswith("ExecuteTasks"):
        return f"echo bidi {transport}"
    return f"echo stream{_PACED if _PACED in name else ''} {transport}"


def _target(rounds: Sequence[Round], name: str) -> Summary:
    callers = sorted({count for one in rounds if name in one for count in one[name].throughput})
    return {
        "ms": {field: spread(_values(rounds, name, _percentile(field))) for field in ("p50", "p90", "p99")},
        "floor": floor_of(name),
        **_ratios(rounds, name, _percentile("p50"), min),
        "throughput": {str(count): _throughput(rounds, name, count) for count in callers},
    }


def _throughput(rounds: Sequence[Round], name: str, callers: int) -> Summary:
    return {
        "per_second": spread(_values(rounds, name, _rate(callers))),
        **_ratios(rounds, name, _rate(callers), max),
        "cpu_s_per_1000": {
            "all": spread(_values(rounds, name, _cpu(callers))),
            "client": spread(_values(rounds, name, _client_cpu(callers))),
            **_ratios(rounds, name, _cpu(callers), min),
        },
    }


def _memory(made: Comparison, name: str) -> Summary:
    def worker(one: dict[str, Any], system: str) -> float | None:
        return statistics.mean(one[system].workers) if system in one and one[system].workers else None

    def to_best(one: dict[str, Any]) -> float | None:
        peers = [worker(one, system) for system, label in LABELS.items() if label in PEERS]
        return _ratio(worker(one, name), _best(peers, min))

    return {
        "worker_bytes": spread(worker(one, name) for one in made.memory),
        "rest_bytes": spread(one[name].rest for one in made.memory if name in one),
        "all_bytes": spread(sum(one[name].workers) + one[name].rest for one in made.memory if name in one),
        "to_best_peer": spread(map(to_best, made.memory)),
    }


def _ratios(rounds: Sequence[Round], name: str, pick: Pick, best: Callable[[list[float]], float]) -> Summary:
    floor = floor_of(name)
    peers = () if _PACED in name else PEERS

    def to_floor(one: Round) -> float | None:
        return _ratio(_of(one, name, pick), _of(one, floor, pick))

    def to_best(one: Round) -> float | None:
        return _ratio(_of(one, name, pick), _best([_of(one, peer, pick) for peer in peers], best))

    return {"to_floor": spread(map(to_floor, rounds)), "to_best_peer": spread(map(to_best, rounds))}


def _values(rounds: Sequence[Round], name: str, pick: Pick) -> list[float | None]:
    return [_of(one, name, pick) for one in rounds]


def _of(one: Round, name: str, pick: Pick) -> float | None:
    return pick(one[name]) if name in one else None


def _ratio(value: float | None, base: float | None) -> float | None:
    return value / base if value is not None and base else None


def _best(values: Iterable[float | None], best: Callable[[list[float]], float]) -> float | None:
    present = [value for value in values if value is not None]
    return best(present) if present else None


def _percentile(field: str) -> Pick:
    return lambda one: float(getattr(one.latency, field))


def _rate(callers: int) -> Pick:
    return lambda one: one.throughput[callers].rate if callers in one.throughput else None


def _cpu(callers: int) -> Pick:
    def pick(one: Measured) -> float | None:
        told = one.throughput.get(callers)
        return told.system_cpu_s + told.client_cpu_s if told else None

    return pick


def _client_cpu(callers: int) -> Pick:
    return lambda one: one.throughput[callers].client_cpu_s if callers in one.throughput else None


# Of two targets, what is measured of them.
_RATIOS: dict[str, tuple[str, str, Pick]] = {
    "PROCESS / CONTEXT, paced": ("ExecuteTask PROCESS paced unix", "ExecuteTask paced unix", _percentile("p50")),
    "ExecuteTasks / Ray": ("ExecuteTasks unix", "Ray actors", _rate(CALLERS_OF_RATIOS)),
}
