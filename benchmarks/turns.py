"""In which order what is compared takes its turns: nobody is always the first, or always after the same one."""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator

# Of all shuffles, so that a run has the order of the last one.
SEED = 1


def in_all_orders(names: Iterable[str], turns: int) -> Iterator[tuple[str, ...]]:
    """An order for each turn, all of them after each other; of two names every other turn has them swapped."""
    return itertools.islice(itertools.cycle(itertools.permutations(names)), turns)


def take_turns(orders: Iterable[Iterable[str]], measure: Callable[[str], float]) -> dict[str, list[float]]:
    """What `measure` has found of each name, called in these orders, of which each is a turn."""
    found: dict[str, list[float]] = {}
    for order in orders:
        for name in order:
            found.setdefault(name, []).append(measure(name))
    return found


def shuffled(names: Iterable[str], *turn: object) -> list[str]:
    """An order that depends on the names and on the turn, as on the seed, alone."""
    order = list(names)
    random.Random(f"{SEED} {turn}").shuffle(order)
    return order
