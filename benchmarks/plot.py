"""What was measured as one picture: latency, throughput, CPU and memory of the comparison, and the further figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from machine import PACKAGES
from report import figures_table
from summary import PEERS
from systems.base import CALLERS

_OURS, _FLOOR, _PEER = "tab:blue", "tab:gray", "tab:orange"
_WIDTH_INCHES, _DPI = 13, 80
# Areas by row, and their height in inches.
_COMPARISON = ([["latency", "throughput"], ["cpu", "memory"]], 8.5)
_FIGURES = ([["figures", "more figures"]], 3.5)
_TABLE_POINTS = 7
# Matplotlib's own for numbers rounds 0.2 to 0.
_PLAIN = FuncFormatter(lambda value, _: f"{value:g}")
_CPU_AT = "8"
_MB = 1e6


def draw(document: Mapping[str, Any], path: Path) -> bool:
    """Writes a PNG of what was measured; returns whether there was something.

    The whiskers are the lowest and highest of the rounds. The further figures are a table.
    """
    compared, figures = document["comparison"], document["figures"]
    parts = ([_COMPARISON] if compared["targets"] else []) + ([_FIGURES] if figures else [])
    if not parts:
        return False
    picture = pyplot.figure(figsize=(_WIDTH_INCHES, sum(height for _, height in parts)), layout="constrained")
    areas = picture.subplot_mosaic(
        [row for rows, _ in parts for row in rows],
        height_ratios=[height / len(rows) for rows, height in parts for _ in rows],
    )
    if compared["targets"]:
        _draw_comparison(areas, compared)
    if figures:
        _draw_figures(areas["figures"], areas["more figures"], list(figures.values()))
    picture.suptitle(_title(document["machine"]), fontsize="medium")
    picture.savefig(path, dpi=_DPI)
    pyplot.close(picture)
    return True


def _title(machine: Mapping[str, Any]) -> str:
    """In two lines."""
    versions = ", ".join(f"{name} {machine[name]}" for name in ("python", *PACKAGES, "redis-server"))
    return (
        f"add(a, b), 2 workers; {machine['processor']}, {machine['usable_cores']} cores, {machine['memory_gb']} GB, "
        f"load before {machine['load_before']}; {machine['date'][:10]}, commit {machine['commit']}\n{versions}"
    )


def _draw_comparison(areas: Mapping[str, Axes], compared: Mapping[str, Any]) -> None:
    targets = compared["targets"]
    p50 = {name: one["ms"]["p50"] for name, one in targets.items()}
    _draw_points(areas["latency"], "p50 of one call at a time, ms", p50)
    _draw_throughput(areas["throughput"], targets)
    at_cpu = {name: one["throughput"].get(_CPU_AT) for name, one in targets.items()}
    _draw_points(
        areas["cpu"],
        f"CPU seconds for 1,000 at {_CPU_AT} callers, client included",
        {name: one["cpu_s_per_1000"]["all"] for name, one in at_cpu.items() if one},
    )
    sizes = {name: one["worker_bytes"] for name, one in compared["memory"].items()}
    _draw_bars(areas["memory"], "PSS of a worker, MB", sizes)


def _draw_figures(left: Axes, right: Axes, parts: Sequence[dict[str, Any]]) -> None:
    """Half of the modules' figures on each side."""
    half = (len(parts) + 1) // 2
    for axes, some in ((left, parts[:half]), (right, parts[half:])):
        axes.set_axis_off()
        if some:
            axes.text(
                0,
                1,
                figures_table(*some),
                family="monospace",
                fontsize=_TABLE_POINTS,
                va="top",
                transform=axes.transAxes,
            )


def _draw_points(axes: Axes, title: str, values: dict[str, Any]) -> None:
    """On a logarithmic scale, where the length of a bar would say nothing."""
    for name, one in values.items():
        if one:
            whisker = [[one["median"] - one["low"]], [one["high"] - one["median"]]]
            axes.errorbar(one["median"], name, xerr=whisker, color=_color(name), marker="o", capsize=2)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(_PLAIN)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="x", alpha=0.4)
    _finish(axes, title)


def _draw_bars(axes: Axes, title: str, values: dict[str, Any]) -> None:
    shown = {name: one["median"] / _MB for name, one in values.items() if one}
    axes.barh(list(shown), list(shown.values()), color=[_color(name) for name in shown])
    _finish(axes, title)


def _finish(axes: Axes, title: str) -> None:
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize="x-small")
    axes.set_title(title, fontsize="medium")


def _draw_throughput(axes: Axes, targets: dict[str, Any]) -> None:
    axes.set_prop_cycle(color=pyplot.colormaps["tab20"].colors)
    for name, one in targets.items():
        told = {int(callers): value["per_second"]["median"] for callers, value in one["throughput"].items()}
        if told:
            axes.plot(list(told), list(told.values()), marker="o", markersize=3, label=name)
    axes.set_xscale("log")
    axes.set_xticks(CALLERS, [str(count) for count in CALLERS])
    axes.minorticks_off()
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(_PLAIN)
    axes.set_xlabel("callers")
    axes.set_title("executions a second", fontsize="medium")
    axes.legend(fontsize="xx-small", loc="center left", bbox_to_anchor=(1, 0.5))


def _color(name: str) -> str:
    if name.startswith("Execute") or name == "flytewarm":
        return _OURS
    return _PEER if name in PEERS else _FLOOR
