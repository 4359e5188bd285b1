"""The comparison as one picture: latency, throughput, CPU and memory."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from summary import PEERS
from systems.base import CALLERS

_OURS, _FLOOR, _PEER = "tab:blue", "tab:gray", "tab:orange"
_SIZE_INCHES, _DPI = (12, 8), 80
_CPU_AT = "8"
_MB = 1e6


def draw(document: dict[str, Any], path: Path) -> None:
    """Writes a PNG of what was compared. The whiskers are the lowest and highest of the rounds."""
    targets = document["comparison"]["targets"]
    if not targets:
        return
    figure, ((latency, throughput), (cpu, memory)) = pyplot.subplots(2, 2, figsize=_SIZE_INCHES)
    _draw_points(latency, "p50 of one call at a time, ms", {name: one["ms"]["p50"] for name, one in targets.items()})
    _draw_throughput(throughput, targets)
    at_cpu = {name: one["throughput"].get(_CPU_AT) for name, one in targets.items()}
    _draw_points(
        cpu,
        f"CPU seconds for 1,000 at {_CPU_AT} callers, client included",
        {name: one["cpu_s_per_1000"]["all"] for name, one in at_cpu.items() if one},
    )
    sizes = {name: one["worker_bytes"] for name, one in document["comparison"]["memory"].items()}
    _draw_bars(memory, "PSS of a worker, MB", sizes)
    machine = document["machine"]
    figure.suptitle(
        f"add(a, b), 2 workers; {machine['usable_cores']} cores, Python {machine['python']}, "
        f"load before {machine['load_before']}, {document['measured_at'][:10]}"
    )
    figure.tight_layout()
    figure.savefig(path, dpi=_DPI)
    pyplot.close(figure)


def _draw_points(axes: Axes, title: str, values: dict[str, Any]) -> None:
    """On a logarithmic scale, where the length of a bar would say nothing."""
    for name, one in values.items():
        if one:
            whisker = [[one["median"] - one["low"]], [one["high"] - one["median"]]]
            axes.errorbar(one["median"], name, xerr=whisker, color=_color(name), marker="o", capsize=2)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(ScalarFormatter())
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
    axes.set_xlabel("callers")
    axes.set_title("executions a second", fontsize="medium")
    axes.legend(fontsize="xx-small", loc="center left", bbox_to_anchor=(1, 0.5))


def _color(name: str) -> str:
    if name.startswith("Execute") or name == "flytewarm":
        return _OURS
    return _PEER if name in PEERS else _FLOOR
