"""The picture of a run."""

from __future__ import annotations

from pathlib import Path

from matplotlib import pyplot

import plot
from comparison import Comparison, Measured, Memory, Throughput
from machine import describe_machine
from summary import summarize
from timings import Percentiles


def test_a_logarithmic_axis_has_no_zero() -> None:
    figure, axes = pyplot.subplots()
    values = {"fast": 0.2, "slow": 20.0}
    told = {name: dict.fromkeys(("median", "low", "high"), value) for name, value in values.items()}
    plot._draw_points(axes, "ms", told)
    figure.canvas.draw()
    labels = {label.get_text() for label in axes.get_xticklabels()}
    pyplot.close(figure)
    assert {"0.2", "1", "20"} <= labels
    assert "0" not in labels


def test_a_comparison_is_drawn_without_further_figures(tmp_path: Path) -> None:
    counted = Throughput(rate=100.0, system_cpu_s=1.0, client_cpu_s=0.5)
    one = {"ExecuteTask unix": Measured(Percentiles(1, 2, 3), {8: counted})}
    memory = {"echo server": Memory([], 7), "over_grpc": Memory([10], 7)}
    compared = summarize(Comparison([one], [memory], systems={"ExecuteTask unix": "over_grpc"}))
    document = {"machine": describe_machine(), "comparison": compared, "figures": {}}
    assert plot.draw(document, tmp_path / "one.png")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
