"""Generators of random numbers: nobody can foresee them, but for what imported code has seeded."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from flytewarm_worker.random_state import RandomStates

InFork = Callable[[Callable[[], None]], None]
# How each generator is seeded, and drawn from.
GENERATORS = {
    "random": (random.seed, random.random),
    "numpy": (np.random.seed, np.random.random),  # the one that old code shares
}


@pytest.fixture(params=GENERATORS)
def generator(request: pytest.FixtureRequest) -> tuple[Callable[[int], None], Callable[[], float]]:
    """seed(number) and draw() of one."""
    return GENERATORS[request.param]


def test_a_seed_of_a_task_does_not_reach_the_next(in_fork: InFork, generator: tuple[Callable, Callable]) -> None:
    seed, draw = generator

    def check() -> None:
        states, drawn = RandomStates(), set()
        for _ in range(3):
            states.restore()
            drawn.add(draw())
            seed(42)
        assert len(drawn) == 3

    in_fork(check)


def test_a_seed_of_a_module_is_what_every_task_finds(in_fork: InFork, generator: tuple[Callable, Callable]) -> None:
    seed, draw = generator

    def check() -> None:
        states, drawn = RandomStates(), set()
        states.restore()
        seed(42)
        draw()
        states.adopt()
        for number in range(3):
            drawn.add(draw())
            seed(number)
            states.restore()
        assert len(drawn) == 1

    in_fork(check)


@pytest.mark.parametrize("draws", [0, 1, 623, 624, 625, 20_000])
def test_a_module_that_only_draws_has_not_seeded(
    in_fork: InFork, generator: tuple[Callable, Callable], draws: int
) -> None:
    _, draw = generator

    def check() -> None:
        states, drawn = RandomStates(), set()
        states.restore()
        for _ in range(draws):
            draw()
        states.adopt()
        for _ in range(3):
            states.restore()
            drawn.add(draw())
        assert len(drawn) == 3

    in_fork(check)


def test_forks_draw_differently(in_fork: InFork, generator: tuple[Callable, Callable], tmp_path: object) -> None:
    _, draw = generator
    states = RandomStates()
    states.restore()
    before = draw()

    def check() -> None:
        states.restore()
        assert draw() != before

    in_fork(check)
