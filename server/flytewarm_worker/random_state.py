"""Random numbers as a process of its own would draw them.

A fresh process has generators that nobody can foresee, unless the code that it imports seeds them. So each execution
gets them seeded anew, or in the state in which imported modules left them: these are not imported again.
"""

from __future__ import annotations

import os
import random
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flytewarm_worker.numpy_state import NumpyState, numpy_state

# A Mersenne Twister has so many words of 32 bits; after the last one it renews them all.
_WORDS = 624
# How often they may be renewed, while code is imported, before that counts as a seed instead of draws.
_MOST_RENEWALS = 100
_Words = tuple[int, ...]
# Of a seed: as much as nobody can try out.
_SEED_BYTES = 32


@dataclass(frozen=True)
class _Generator:
    """One of an imported module. A state can be told from what one can draw out of a seed."""

    # Seeds it as nobody can foresee, and returns the seed.
    renew: Callable[[Any], Any]
    read: Callable[[Any], Any]
    write: Callable[[Any, Any], None]
    # Whether a state cannot have come, by drawing, out of the seed that renew() returned.
    is_seeded: Callable[[Any, Any], bool]


def _renew_python(module: Any) -> int:
    seed = int.from_bytes(os.urandom(_SEED_BYTES), "little")
    module.seed(seed)
    return seed


# Where numpy's has its state, if that is known.
_numpy: list[NumpyState | None] = [None]


def _renew_numpy(module: Any) -> _Words | bytes:
    """Returns a seed, or a whole state."""
    if _numpy[0] is not None and (state := _numpy[0].renew()) is not None:
        return state
    seed = struct.unpack(f"{_SEED_BYTES // 4}I", os.urandom(_SEED_BYTES))
    module.seed(seed)
    _numpy[0] = numpy_state()
    return seed


def _renew_torch(module: Any) -> int:
    return int(module.seed())


def _is_out_of_reach(twister: random.Random, now: _Words) -> bool:
    for _ in range(_MOST_RENEWALS):
        if twister.getstate()[1][:_WORDS] == now:
            return False
        for _ in range(_WORDS):
            twister.getrandbits(32)
    return True


def _twister_of_numpy(given: _Words | bytes) -> random.Random:
    """Draws what numpy draws with what renew() gave."""
    if isinstance(given, bytes):
        words = struct.unpack(f"{_WORDS}I", given)
    else:
        words = sys.modules["numpy.random"].RandomState(given).get_state()[1]
    twister = random.Random()  # no secret: it follows another one
    twister.setstate((3, (*map(int, words), _WORDS), None))
    return twister


_GENERATORS: Mapping[str, _Generator] = {
    "random": _Generator(
        _renew_python,
        read=lambda module: module.getstate(),
        write=lambda module, state: module.setstate(state),
        is_seeded=lambda seed, now: _is_out_of_reach(random.Random(seed), now[1][:_WORDS]),
    ),
    "numpy.random": _Generator(
        _renew_numpy,
        read=lambda module: module.get_state(),
        write=lambda module, state: module.set_state(state),
        is_seeded=lambda seed, now: _is_out_of_reach(_twister_of_numpy(seed), tuple(map(int, now[1]))),
    ),
    "torch": _Generator(
        _renew_torch,
        read=lambda module: (int(module.initial_seed()), module.get_rng_state()),
        write=lambda module, state: module.set_rng_state(state[1]),
        is_seeded=lambda seed, now: bool(seed != now[0]),
    ),
}


class RandomStates:
    """The generators of the modules that are imported. A fork takes what is known of them along."""

    def __init__(self) -> None:
        # The seeds that renew() gave, and the states in which imported code has left what it seeded.
        self._given: dict[str, Any] = {}
        self._seeded: dict[str, Any] = {}

    def restore(self) -> None:
        """Puts every generator into the state in which a fresh process would have it."""
        for name, generator in _present():
            if name in self._seeded:
                generator.write(sys.modules[name], self._seeded[name])
            else:
                self._given[name] = generator.renew(sys.modules[name])

    def adopt(self) -> None:
        """Keeps the states that modules have seeded which were imported since restore()."""
        for name, generator in _present():
            now = generator.read(sys.modules[name])
            if name in self._given and generator.is_seeded(self._given[name], now):
                self._seeded[name] = now


def _present() -> list[tuple[str, _Generator]]:
    return [(name, generator) for name, generator in _GENERATORS.items() if name in sys.modules]


#: Those of this process, which has one of each.
RANDOM_STATES = RandomStates()
