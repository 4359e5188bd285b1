"""numpy's global generator, written in place: as one that was seeded, whatever a task has done to it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import numpy as np
import pytest

from flytewarm_worker.numpy_state import NumpyState
from flytewarm_worker.random_state import RandomStates

InFork = Callable[[Callable[[], None]], None]
MTRAND = np.random.mtrand


def _draw() -> None:
    np.random.random(1000)


def _seed() -> None:
    np.random.seed(1)


def _keep_a_number_back() -> None:
    """Of two that are drawn together."""
    np.random.normal()


def _keep_only_a_number_back() -> None:
    bits = MTRAND._rand._bit_generator
    before = bits.state
    np.random.normal()
    bits.state = before


def _set_a_state() -> None:
    np.random.set_state(("MT19937", np.ones(624, dtype=np.uint32), 7, 1, 0.5))


def _prepare_binomials() -> None:
    np.random.binomial(100, 0.5)


def _use_other_bits() -> None:
    np.random.set_bit_generator(np.random.MT19937(1))


def _use_bits_of_another_kind() -> None:
    np.random.set_bit_generator(np.random.PCG64(1))


def _use_another_generator() -> None:
    MTRAND._rand = np.random.RandomState(1)


@pytest.mark.parametrize(
    "change",
    [
        _draw,
        _seed,
        _keep_a_number_back,
        _keep_only_a_number_back,
        _set_a_state,
        _prepare_binomials,
        _use_other_bits,
        _use_bits_of_another_kind,
        _use_another_generator,
    ],
)
def test_nothing_of_a_task_is_left_in_it(in_fork: InFork, change: Callable[[], None]) -> None:
    def check() -> None:
        states, drawn = RandomStates(), set()
        states.restore()
        for _ in range(3):
            change()
            states.restore()
            state = MTRAND._rand.get_state(legacy=False)
            assert (state["has_gauss"], state["gauss"]) == (0, 0.0)
            drawn |= {np.random.normal(), MTRAND._rand.normal()}
        assert len(drawn) == 6

    in_fork(check)


def test_what_it_says_it_gave_is_what_numpy_draws_from(in_fork: InFork) -> None:
    def check() -> None:
        np.random.seed(1)
        state = NumpyState(MTRAND)
        _draw()
        words = np.frombuffer(state.renew() or b"", dtype=np.uint32)
        np.testing.assert_array_equal(np.random.get_state()[1], words)
        twister = random.Random()
        twister.setstate((3, (*map(int, words), 624), None))
        assert [np.random.random() for _ in range(2000)] == [twister.random() for _ in range(2000)]

    in_fork(check)


def test_a_state_that_is_somewhere_else_is_not_written(in_fork: InFork) -> None:
    def check() -> None:
        _use_bits_of_another_kind()
        with pytest.raises(AttributeError):
            NumpyState(MTRAND)

    in_fork(check)


def test_it_waits_for_a_thread_that_draws(in_fork: InFork) -> None:
    """Who draws holds the generator's lock, and not the interpreter's."""

    def check() -> None:
        np.random.seed(1)
        state, began, done = NumpyState(MTRAND), threading.Event(), threading.Event()

        def renew() -> None:
            began.set()
            state.renew()
            done.set()

        before = np.random.get_state()[1].tobytes()
        lock = MTRAND._rand._bit_generator.lock
        thread = threading.Thread(target=renew)
        with lock:
            thread.start()
            began.wait()
            assert not done.wait(0.1)
            assert MTRAND._rand._bit_generator.state["state"]["key"].tobytes() == before
        thread.join()
        assert np.random.get_state()[1].tobytes() != before

    in_fork(check)
