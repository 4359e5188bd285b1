"""Life cycles move along their table only, and tell of it."""

from __future__ import annotations

import pytest

from flytewarm_server.lifecycle import IllegalTransitionError, Lifecycle, State, Table


class Door(State):
    """States for the tests."""

    OPEN = 1
    SHUT = 2
    GONE = 3


TABLE: Table[Door] = {
    Door.OPEN: frozenset({Door.SHUT, Door.GONE}),
    Door.SHUT: frozenset({Door.OPEN}),
    Door.GONE: frozenset(),
}


def test_it_moves_along_its_table() -> None:
    door = Lifecycle("door", TABLE, Door.OPEN)
    assert (door.state, door.ended) == (Door.OPEN, False)
    door.move(Door.SHUT)
    assert (door.state, door.ended) == (Door.SHUT, False)
    door.move(Door.OPEN)
    door.move(Door.GONE)
    assert (door.state, door.ended) == (Door.GONE, True)


def test_an_illegal_move_tells_the_story_and_changes_nothing() -> None:
    changes: list[tuple[Door | None, Door]] = []
    door = Lifecycle("door 7", TABLE, Door.OPEN, lambda old, new: changes.append((old, new)))
    door.move(Door.SHUT)
    with pytest.raises(IllegalTransitionError) as refusal:
        door.move(Door.GONE)
    assert str(refusal.value) == "door 7: SHUT -> GONE is not allowed; its story: OPEN -> SHUT"
    assert door.state is Door.SHUT
    assert changes == [(None, Door.OPEN), (Door.OPEN, Door.SHUT)]


def test_staying_is_a_move_like_any_other() -> None:
    with pytest.raises(IllegalTransitionError, match="OPEN -> OPEN"):
        Lifecycle("door", TABLE, Door.OPEN).move(Door.OPEN)


def test_the_story_of_a_long_life_is_its_end() -> None:
    door = Lifecycle("door", TABLE, Door.OPEN)
    for _ in range(1000):
        door.move(Door.SHUT)
        door.move(Door.OPEN)
    with pytest.raises(IllegalTransitionError) as refusal:
        door.move(Door.OPEN)
    assert len(str(refusal.value)) < 300
    assert str(refusal.value).endswith("SHUT -> OPEN")
