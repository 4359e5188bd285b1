"""How many workers there are: the rules, over all small cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytewarm_server.pool.sizing import Bounds, Census, Demand, grown, may_leave, overdue, surplus, to_fork

NUMBERS = st.integers(0, 4)


@pytest.mark.parametrize(
    ("size", "bounds", "census", "demand", "forks"),
    [
        # A fixed number: those that are wanting, whatever waits.
        (2, Bounds(2, 2), Census(), Demand(), 2),
        (2, Bounds(2, 2), Census(starting=1, busy=1), Demand(), 0),
        (2, Bounds(2, 2), Census(busy=1), Demand(), 1),
        # On demand: one for each that waits and has none on its way.
        (1, Bounds(1, 4), Census(busy=1), Demand(2), 2),
        (1, Bounds(1, 4), Census(busy=1, starting=1), Demand(2), 1),
        (0, Bounds(0, 1), Census(), Demand(), 0),
        (0, Bounds(0, 1), Census(), Demand(1), 1),
        # One replacement, however many are to be replaced.
        (3, Bounds(3, 3), Census(idle=3, leaving=3), Demand(), 1),
        (3, Bounds(3, 3), Census(idle=3, starting=1, leaving=3), Demand(), 0),
        # A spare for those that end with their execution, unless somebody is there anyway.
        (1, Bounds(1, 1), Census(busy=1, spent=1), Demand(), 1),
        (2, Bounds(2, 2), Census(busy=1, idle=1, spent=1), Demand(), 0),
        (2, Bounds(2, 2), Census(busy=2, starting=1, spent=2), Demand(), 0),
        # Idle workers that were used are of no use to one that wants a fresh one.
        (1, Bounds(1, 1), Census(idle=1), Demand(1, fresh=1), 1),
        (4, Bounds(4, 4), Census(idle=4), Demand(4, fresh=4), 1),
        # Nested work has workers beyond the most.
        (1, Bounds(1, 1), Census(busy=1), Demand(1, nested=1), 1),
        (1, Bounds(1, 1), Census(busy=2, nested=1), Demand(1, nested=1), 1),
    ],
)
def test_how_many_are_forked(size: int, bounds: Bounds, census: Census, demand: Demand, forks: int) -> None:
    assert to_fork(grown(size, bounds, census, demand), bounds, census, demand) == forks


@given(
    least=NUMBERS,
    more=NUMBERS,
    starting=NUMBERS,
    idle=NUMBERS,
    busy=NUMBERS,
    spent=NUMBERS,
    leaving=NUMBERS,
    waiting=NUMBERS,
)
def test_never_more_than_one_beyond_the_most(
    least: int, more: int, starting: int, idle: int, busy: int, spent: int, leaving: int, waiting: int
) -> None:
    bounds = Bounds(least, max(1, least + more))
    census = Census(starting, idle, busy, spent=min(spent, busy), leaving=min(leaving, idle + busy))
    demand = Demand(waiting, fresh=waiting // 2)
    size = grown(least, bounds, census, demand)
    forks = to_fork(size, bounds, census, demand)
    assert least <= size <= bounds.most
    assert forks == 0 or census.living + forks <= bounds.most + 1
    assert census.living + forks >= min(size, bounds.most)
    if forks and census.living >= bounds.most:
        assert census.leaving or census.spent or demand.fresh


def test_the_number_grows_with_the_work_up_to_the_most() -> None:
    assert grown(1, Bounds(1, 4), Census(busy=1), Demand(2)) == 3
    assert grown(1, Bounds(1, 4), Census(busy=3), Demand(9)) == 4
    assert grown(3, Bounds(1, 4), Census(), Demand()) == 3


def test_one_may_leave_when_its_replacement_is_ready() -> None:
    assert not may_leave(2, Census(idle=1, busy=1, leaving=1))
    assert not may_leave(2, Census(starting=1, idle=1, busy=1, leaving=1))
    assert may_leave(2, Census(idle=2, busy=1, leaving=1))
    assert not may_leave(2, Census(idle=2, busy=1))


def test_what_was_forked_for_a_while_is_too_much_afterwards() -> None:
    assert surplus(1, Census(idle=2), parents=0) == 1
    assert surplus(1, Census(idle=2, busy=1), parents=1) == 1
    assert surplus(1, Census(idle=1, busy=1), parents=1) == 0
    assert surplus(1, Census(idle=1, busy=1, spent=1), parents=0) == 0
    assert surplus(2, Census(idle=1), parents=0) == 0


@pytest.mark.parametrize(
    ("idle", "ttl", "living", "least", "ended"),
    [
        ([9.0, 5.0, 1.0], 5.0, 3, 0, 2),
        ([9.0, 9.0, 9.0], 5.0, 3, 2, 1),
        ([9.0, 9.0], 5.0, 4, 2, 2),
        ([9.0], 5.0, 1, 1, 0),
        ([9.0], 5.0, 1, 2, 0),
        ([9.0, 9.0], 0.0, 2, 0, 0),
        ([], 5.0, 3, 0, 0),
    ],
)
def test_how_many_have_idled_for_too_long(idle: list[float], ttl: float, living: int, least: int, ended: int) -> None:
    assert overdue(idle, ttl, living, least) == ended
