"""In which order what is compared takes its turns."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from turns import in_all_orders


def test_two_are_swapped_in_every_other_turn() -> None:
    assert list(in_all_orders("ab", 3)) == [("a", "b"), ("b", "a"), ("a", "b")]


def test_three_follow_each_other_equally_often() -> None:
    orders = list(in_all_orders("abc", 6))
    assert set(Counter(order[0] for order in orders).values()) == {2}
    assert set(Counter(pair for order in orders for pair in pairwise(order)).values()) == {2}
