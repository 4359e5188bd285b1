"""What the service is meant to reach, as ratios and sizes, and how far it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]


@dataclass(frozen=True)
class Goal:
    """One aim. `measured` is None where the run has not measured it."""

    text: str
    limit: float
    at_most: bool
    measured: float | None

    def row(self) -> tuple[str, str, str, str]:
        """For a table."""
        limit = f"{'≤' if self.at_most else '≥'} {self.limit:g}"
        if self.measured is None:
            return self.text, limit, "", "not measured"
        return self.text, limit, self._rounded(self.measured), "met" if self._is_met(self.measured) else "short of it"

    def _is_met(self, value: float) -> bool:
        return value <= self.limit if self.at_most else value >= self.limit

    def _rounded(self, value: float) -> str:
        """To so many digits that it says the same of the goal."""
        told = (f"{value:.{digits}g}" for digits in range(3, 17))
        return next(text for text in told if self._is_met(float(text)) == self._is_met(value))


def goals(document: Document) -> list[Goal]:
    """All of them, with what this run has measured."""
    return [Goal(text, limit, at_most, pick(document)) for text, limit, at_most, pick in _GOALS]


def _median(*path: str) -> Callable[[Document], float | None]:
    def pick(document: Document) -> float | None:
        found: Any = document
        for key in (*path, "median"):
            found = found.get(key) if isinstance(found, dict) else None
        return found if isinstance(found, (int, float)) else None

    return pick


_GOALS: tuple[tuple[str, float, bool, Callable[[Document], float | None]], ...] = (
    (
        "ExecuteTask, p50 to a server-stream echo",
        1.5,
        True,
        _median("comparison", "targets", "ExecuteTask unix", "to_floor"),
    ),
    (
        "PROCESS to CONTEXT, p50 at 10 calls a second",
        1.5,
        True,
        _median("comparison", "ratios", "PROCESS / CONTEXT, paced"),
    ),
    (
        "ExecuteTasks to loky, throughput at 64 callers",
        1.5,
        False,
        _median("figures", "throughput", "ExecuteTasks / loky"),
    ),
    (
        "ExecuteTasks to Ray, throughput at 64 callers",
        2.0,
        False,
        _median("comparison", "ratios", "ExecuteTasks / Ray"),
    ),
    ("cold pyflyte-execute to ExecuteTask", 500, False, _median("figures", "cold", "cold / warm ExecuteTask")),
    (
        "first result of new code to cold pyflyte-fast-execute",
        0.25,
        True,
        _median("figures", "cold", "new code: first result / cold"),
    ),
    ("each further worker, flytekit alone, MB", 20, True, _median("figures", "memory", "further worker, flytekit")),
    (
        "forked to exec'd worker, pandas and scikit-learn, PSS",
        0.3,
        True,
        _median("figures", "memory", "further worker, models: forked / exec'd"),
    ),
    ("server process, MB", 60, True, _median("figures", "memory", "server")),
    ("idle CPU, % of a core", 0.5, True, _median("figures", "memory", "idle CPU")),
    ("64 environments to 1, p50", 1.2, True, _median("figures", "environments", "64 in turns / 1")),
    # A run that had fewer before, as it does by default, tells its own ratio, and nothing of this one.
    (
        "after 50,000 executions to after 1,000, p50",
        1.1,
        True,
        _median("figures", "endurance", "p50 after 50,000 / after 1,000"),
    ),
    (
        "10 MB in and out to an echo of them",
        3.0,
        True,
        _median("figures", "large", "ExecuteTask / echo, 10 MB in and out"),
    ),
)
