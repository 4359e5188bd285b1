"""In which order what is compared takes its turns."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from comparison import SERVICE, SYSTEMS
from turns import in_all_orders, shuffled, take_turns


def test_two_are_swapped_in_every_other_turn() -> None:
    assert list(in_all_orders("ab", 3)) == [("a", "b"), ("b", "a"), ("a", "b")]


def test_three_follow_each_other_equally_often() -> None:
    orders = list(in_all_orders("abc", 6))
    assert set(Counter(order[0] for order in orders).values()) == {2}
    assert set(Counter(pair for order in orders for pair in pairwise(order)).values()) == {2}


def test_what_is_found_is_kept_by_name_in_the_order_of_the_turns() -> None:
    found = iter([1.0, 2.0, 3.0, 4.0])
    assert take_turns(["ab", "ba"], lambda _name: next(found)) == {"a": [1.0, 4.0], "b": [2.0, 3.0]}


def test_a_shuffled_order_is_the_same_in_each_run() -> None:
    assert shuffled("abcdef", 1) == shuffled("abcdef", 1) != shuffled("abcdef", 2)
    assert sorted(shuffled("abcdef", 1)) == list("abcdef")


def test_shuffled_systems_have_other_neighbours() -> None:
    orders = [shuffled(SYSTEMS, number) for number in range(4)]
    assert len({order[0] for order in orders}) > 1
    after_ray = [later for order in orders for earlier, later in pairwise(order) if earlier == "ray_actors"]
    assert len(set(after_ray)) > 1


def test_what_follows_a_target_differs_within_a_round() -> None:
    names = ["ExecuteTask", "ExecuteTask PROCESS", "ExecuteTask paced", "ExecuteTasks", "echo"]
    orders = [shuffled(names, SERVICE, 0, f"latency {turn}") for turn in range(4)]
    assert len(set(map(tuple, orders))) > 1
