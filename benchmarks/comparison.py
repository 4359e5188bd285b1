"""The comparison: all systems in rounds, one of them alive at a time, their targets in turns.

What else happens on the machine falls on all of them; nobody is always the first, or always after the same one. A
system that fails is left out from there on, with the reason, and so is a target.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from children import AnswerError, Child, ChildError
from timings import Percentiles, percentiles
from turns import shuffled

# The service with the floor, flytekit alone, and the peers.
SERVICE = "over_grpc"
SYSTEMS = (SERVICE, "in_process", "loky_pool", "ray_actors", "dask_cluster", "celery_redis")
QUICK_SYSTEMS = (SERVICE, "loky_pool")
# In how many turns the latencies of a round are measured, and how many calls a turn has at least.
_TURNS, _LEAST_CALLS = 4, 5
_START_TIMEOUT_S, _ANSWER_TIMEOUT_S = 120.0, 60.0


@dataclass(frozen=True)
class Throughput:
    """At one number of callers: executions a second, and CPU seconds that 1,000 of them take."""

    rate: float
    system_cpu_s: float
    client_cpu_s: float


@dataclass
class Measured:
    """One target in one round."""

    latency: Percentiles
    throughput: dict[int, Throughput] = field(default_factory=dict)


@dataclass(frozen=True)
class Memory:
    """PSS of a system's workers, and of its other processes together, in bytes."""

    workers: list[int]
    rest: int


@dataclass
class Comparison:
    """What was measured: by round and target, and by round and system; and what was not, with the reason."""

    rounds: list[dict[str, Measured]] = field(default_factory=list)
    memory: list[dict[str, Memory]] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    systems: dict[str, str] = field(default_factory=dict)
    """By target, the system that it belongs to."""


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    rounds: int
    calls: float
    """As a share of the calls that a target has in a round."""
    window_s: float
    """Of each throughput."""
    callers: Sequence[int]
    targets: Sequence[str] = ()
    """Only targets whose names begin so; all if empty."""


def compare(systems: Sequence[str], extent: Extent) -> Comparison:
    """Measures the systems; never raises for what one of them does."""
    made = Comparison()
    for number in range(extent.rounds if systems else 0):
        made.rounds.append({})
        made.memory.append({})
        for name in shuffled(systems, number):
            if name not in made.left_out:
                _measure(made, name, number, extent)
        print(f"round {number + 1} of {extent.rounds} done", flush=True)
    return made


def _measure(made: Comparison, name: str, number: int, extent: Extent) -> None:
    try:
        with Child("system", name) as child:
            targets = child.answer(_START_TIMEOUT_S)["targets"]
            made.systems |= dict.fromkeys(targets, name)
            _Round(made, child, name, targets, number, extent).measure()
            told = child.ask(_ANSWER_TIMEOUT_S, "memory")
            made.memory[-1][name] = Memory([size for size in told["workers"] if size], told["rest"])
            made.memory[-1] |= {other: Memory([], size) for other, size in told["beside"].items()}
    except ChildError as error:
        made.left_out[name] = f"round {number + 1}: {error}"
        print(f"{name} is left out: {error}", flush=True)


class _Round:
    """One round of one system."""

    def __init__(
        self, made: Comparison, child: Child, system: str, targets: dict[str, Any], number: int, extent: Extent
    ) -> None:
        self._made, self._child, self._system, self._targets = made, child, system, targets
        self._number, self._extent = number, extent
        self._names = [name for name in targets if not extent.targets or name.startswith(tuple(extent.targets))]
        self._milliseconds: dict[str, list[float]] = {name: [] for name in self._names}

    def measure(self) -> None:
        """Latencies in short turns, so that targets that are compared see the same machine; then throughputs."""
        for turn in range(_TURNS):
            self._attempt_all(self._time, f"latency {turn}")
        self._attempt_all(self._count, "throughput")

    def _attempt_all(self, measure: Callable[[str], None], turn: str) -> None:
        for name in shuffled(self._names, self._system, self._number, turn):
            if name not in self._made.left_out:
                try:
                    measure(name)
                except AnswerError as error:
                    self._made.left_out[name] = f"round {self._number + 1}: {error}"

    def _time(self, name: str) -> None:
        calls = max(_LEAST_CALLS, round(self._targets[name]["calls"] * self._extent.calls / _TURNS))
        self._milliseconds[name] += self._child.ask(_ANSWER_TIMEOUT_S, "latency", target=name, calls=calls)["ms"]

    def _count(self, name: str) -> None:
        measured = self._made.rounds[-1][name] = Measured(percentiles(self._milliseconds[name]))
        seconds = self._extent.window_s
        for callers in (count for count in self._extent.callers if count in self._targets[name]["callers"]):
            told = self._child.ask(_ANSWER_TIMEOUT_S, "throughput", target=name, callers=callers, seconds=seconds)
            thousands = max(told["executions"], 1) / 1000
            measured.throughput[callers] = Throughput(
                rate=told["executions"] / told["seconds"],
                system_cpu_s=told["system_cpu_s"] / thousands,
                client_cpu_s=told["client_cpu_s"] / thousands,
            )
