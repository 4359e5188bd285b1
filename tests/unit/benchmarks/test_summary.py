"""What the rounds of a benchmark amount to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from comparison import Comparison, Measured, Memory, Throughput
from goals import goals
from summary import floor_of, spread, summarize
from timings import Percentiles

_SYSTEMS = {"loky": "loky_pool", "Ray actors": "ray_actors"}


def _measured(p50: float, rate: float = 100.0) -> Measured:
    told = Throughput(rate, system_cpu_s=1.0, client_cpu_s=0.5)
    return Measured(Percentiles(p50, p50, p50), {8: told, 64: told})


def _round(floor: float, ours: float, loky: float) -> dict[str, Measured]:
    return {
        "echo stream unix": _measured(floor, 1000),
        "ExecuteTask unix": _measured(ours, 150),
        "loky": _measured(loky, 300),
        "Ray actors": _measured(9.0, 200),
    }


def _comparison(rounds: Sequence[dict[str, Measured]], **parts: Any) -> Comparison:
    systems = {name: _SYSTEMS.get(name, "over_grpc") for one in rounds for name in one}
    return Comparison(list(rounds), **{"memory": [{} for _ in rounds], "systems": systems, **parts})


def test_spread_leaves_out_what_is_missing() -> None:
    assert spread([3.0, None, 1.0, 2.0]) == {"median": 2.0, "low": 1.0, "high": 3.0}
    assert spread([None]) is None


def test_ratios_are_made_within_rounds() -> None:
    # In the second round everything took four times as long: the ratios stay the same.
    made = _comparison(rounds=[_round(1, 3, 2), _round(4, 12, 8)])
    found = summarize(made)["targets"]["ExecuteTask unix"]
    assert found["to_floor"] == {"median": 3.0, "low": 3.0, "high": 3.0}
    assert found["to_best_peer"]["median"] == 1.5
    assert found["ms"]["p50"] == {"median": 7.5, "low": 3.0, "high": 12.0}


def test_the_best_peer_is_the_best_of_each_kind() -> None:
    made = _comparison(rounds=[_round(1, 3, 2)])
    throughput = summarize(made)["targets"]["ExecuteTask unix"]["throughput"]["8"]
    assert throughput["to_best_peer"]["median"] == 0.5
    assert throughput["to_floor"]["median"] == pytest.approx(0.15)
    assert throughput["cpu_s_per_1000"]["all"]["median"] == 1.5


def test_what_failed_in_a_round_counts_in_the_others() -> None:
    second = _round(1, 5, 2)
    del second["ExecuteTask unix"]
    made = _comparison(rounds=[_round(1, 3, 2), second], left_out={"ExecuteTask unix": "round 2"})
    summary = summarize(made)
    assert summary["targets"]["ExecuteTask unix"]["to_floor"]["median"] == 3.0
    assert summary["left_out"] == {"ExecuteTask unix": "round 2"}


def test_memory_is_told_by_worker() -> None:
    made = _comparison(rounds=[{}], memory=[{"over_grpc": Memory([10, 20], 7), "loky_pool": Memory([30, 30], 1)}])
    found = summarize(made)["memory"]
    assert found["flytewarm"]["worker_bytes"]["median"] == 15
    assert found["flytewarm"]["to_best_peer"]["median"] == 0.5
    assert found["loky"]["rest_bytes"]["median"] == 1
    assert found["loky"]["all_bytes"]["median"] == 61


def test_memory_of_what_has_no_workers() -> None:
    found = summarize(_comparison(rounds=[{}], memory=[{"echo server": Memory([], 7)}]))["memory"]["echo server"]
    assert found["worker_bytes"] is None
    assert found["all_bytes"]["median"] == 7


def test_goals_tell_what_was_met_and_what_was_not_measured() -> None:
    made = _comparison(rounds=[_round(1, 3, 2)])
    document = {"comparison": summarize(made), "figures": {"memory": {"server": {"unit": "MB", "median": 40.0}}}}
    document["figures"]["throughput"] = {"ExecuteTasks / loky": {"unit": "ratio", "median": 1.6}}
    rows = {text: (measured, told) for text, _, measured, told in (goal.row() for goal in goals(document))}
    assert rows["ExecuteTask, p50 to a server-stream echo"] == ("3", "short of it")
    assert rows["server process, MB"] == ("40", "met")
    assert rows["ExecuteTasks to loky, throughput at 64 callers"] == ("1.6", "met")
    assert rows["ExecuteTasks to Ray, throughput at 64 callers"] == ("", "not measured")


def test_goals_divide_within_rounds() -> None:
    # The medians of 100, 200, 900 and of 100, 50, 300 differ by a factor of 2; that of 1, 4 and 3 is 3.
    rates = ((100, 100), (200, 50), (900, 300))
    rounds = [{"ExecuteTasks unix": _measured(1, ours), "Ray actors": _measured(1, ray)} for ours, ray in rates]
    document = {"comparison": summarize(_comparison(rounds=rounds)), "figures": {}}
    (measured,) = (goal.measured for goal in goals(document) if goal.text.startswith("ExecuteTasks to Ray"))
    assert measured == 3


def test_paced_executions_are_compared_within_rounds() -> None:
    times = ((2.0, 1.0), (9.0, 3.0), (3.0, 2.0))  # by medians 1.5
    rounds = [
        {"ExecuteTask PROCESS paced unix": _measured(process), "ExecuteTask paced unix": _measured(context)}
        for process, context in times
    ]
    document = {"comparison": summarize(_comparison(rounds=rounds)), "figures": {}}
    (measured,) = (goal.measured for goal in goals(document) if goal.text.startswith("PROCESS to CONTEXT"))
    assert measured == 2


@pytest.mark.parametrize(
    ("target", "floor"),
    [
        ("ExecuteTask tcp", "echo stream tcp"),
        ("ExecuteTasks unix", "echo bidi unix"),
        ("ExecuteTasks tcp", "echo bidi tcp"),
        ("ExecuteTask PROCESS paced unix", "echo stream paced unix"),
        ("loky", "echo stream unix"),
    ],
)
def test_each_target_has_the_floor_that_does_the_same(target: str, floor: str) -> None:
    assert floor_of(target) == floor


def test_what_is_paced_is_not_compared_with_peers_that_are_not() -> None:
    one = {"ExecuteTask paced unix": _measured(4), "echo stream paced unix": _measured(2), "loky": _measured(1)}
    found = summarize(_comparison(rounds=[one]))["targets"]["ExecuteTask paced unix"]
    assert found["to_best_peer"] is None
    assert found["to_floor"]["median"] == 2


def test_targets_are_told_in_the_order_of_systems() -> None:
    one = {"loky": _measured(1), "ExecuteTask unix": _measured(1)}
    assert list(summarize(_comparison(rounds=[one]))["targets"]) == ["ExecuteTask unix", "loky"]


@pytest.mark.parametrize(("executions", "measured"), [("5,000", None), ("50,000", 1.05)])
def test_fewer_executions_say_nothing_of_many(executions: str, measured: float | None) -> None:
    found = {"endurance": {f"p50 after {executions} / after 1,000": {"unit": "ratio", "median": 1.05}}}
    document = {"comparison": summarize(_comparison(rounds=[])), "figures": found}
    (told,) = (goal.measured for goal in goals(document) if goal.text.startswith("after 50,000"))
    assert told == measured
