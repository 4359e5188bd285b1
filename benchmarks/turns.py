"""In which order what is compared takes its turns: nobody is always the first, or always after the same one."""

import itertools
from collections.abc import Iterable, Iterator


def in_all_orders(names: Iterable[str], turns: int) -> Iterator[tuple[str, ...]]:
    """An order for each turn, all of them after each other; of two names every other turn has them swapped."""
    return itertools.islice(itertools.cycle(itertools.permutations(names)), turns)
