"""The figures as tables on the terminal."""

from collections.abc import Sequence
from typing import Any

from goals import Goal
from showcase.texts import table
from systems.base import CALLERS

_CPU_AT = "8"
_MB = 1e6


def print_report(document: dict[str, Any], goals: Sequence[Goal]) -> None:
    """Prints all there is of a run."""
    compared = document["comparison"]
    if compared["targets"]:
        print("\nOne call at a time; medians of the rounds, in parentheses the lowest and highest of the rounds\n")
        print(_latencies(compared["targets"]))
        print("\nThroughput, executions a second; CPU of all processes at 8 callers, of which the client's\n")
        print(_throughputs(compared["targets"]))
    if compared["memory"]:
        print("\nMemory (PSS)\n")
        print(_memory(compared["memory"]))
    if document["figures"]:
        print("\nFurther figures\n")
        print(figures_table(*document["figures"].values()))
    print("\nWhat is aimed at\n")
    print(table(("goal", "limit", "measured", ""), [goal.row() for goal in goals], left=1))
    for name, reason in {**compared["left_out"], **document["failed"]}.items():
        print(f"\nleft out: {name}: {reason}")


def _latencies(targets: dict[str, Any]) -> str:
    header = ("", "p50 ms", "", "p90 ms", "p99 ms", "to floor", "", "which is", "to best peer")
    rows = [
        (
            name,
            *_both(one["ms"]["p50"], 3),
            _one(one["ms"]["p90"], 3),
            _one(one["ms"]["p99"], 3),
            *_both(one["to_floor"], 2),
            one["floor"] if one["to_floor"] else "",
            _one(one["to_best_peer"], 2),
        )
        for name, one in targets.items()
    ]
    return table(header, rows, left=1)


def _throughputs(targets: dict[str, Any]) -> str:
    callers = [str(count) for count in CALLERS if any(str(count) in one["throughput"] for one in targets.values())]
    if not callers:
        return "not measured"
    most = callers[-1]
    header = (
        "callers:",
        *callers,
        f"at {most} to floor",
        "to best peer",
        "CPU s/1,000",
        "client's",
        "to floor",
        "to best peer",
    )
    rows = []
    for name, one in targets.items():
        if told := one["throughput"]:
            last, cpu = told.get(most, {}), told.get(_CPU_AT, {}).get("cpu_s_per_1000", {})
            rates = [_one(told.get(count, {}).get("per_second"), 0) for count in callers]
            rows.append(
                (
                    name,
                    *rates,
                    _one(last.get("to_floor"), 2),
                    _one(last.get("to_best_peer"), 2),
                    *(_one(cpu.get(field), 2) for field in ("all", "client", "to_floor", "to_best_peer")),
                )
            )
    return table(header, rows, left=1)


def _memory(systems: dict[str, Any]) -> str:
    rows = [
        (
            name,
            *_both(one["worker_bytes"], 1, _MB),
            _one(one["rest_bytes"], 1, _MB),
            *_both(one["all_bytes"], 1, _MB),
            _one(one["to_best_peer"], 2),
        )
        for name, one in systems.items()
    ]
    header = ("", "a worker, MB", "", "all else, MB", "all of it, MB", "", "worker to best peer")
    return table(header, rows, left=1)


def figures_table(*parts: dict[str, Any]) -> str:
    """Of what some modules of figures have found."""
    rows = [
        (name, *_both(one, 3 if one["median"] < 10 else 1), one["unit"]) for part in parts for name, one in part.items()
    ]
    return table(("", "median", "", "unit"), rows, left=1)


def _one(found: dict[str, float] | None, digits: int, unit: float = 1.0) -> str:
    return f"{found['median'] / unit:,.{digits}f}" if found else ""


def _both(found: dict[str, float] | None, digits: int, unit: float = 1.0) -> tuple[str, str]:
    if not found:
        return "", ""
    low, high = (f"{found[end] / unit:,.{digits}f}" for end in ("low", "high"))
    return _one(found, digits, unit), f"({low} to {high})"
