"""Snapshots hold as long as objects are as they were, whichever way somebody has changed them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flytewarm_worker.snapshot import Snapshot


class _Held:
    def __init__(self) -> None:
        self.number = 1
        self.table: dict[str, Any] = {"a": _VALUE, "b": None}
        self.row: list[Any] = [_VALUE, None]


class _Incomparable:
    """As an array may be."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError

    __hash__ = object.__hash__


_VALUE = _Incomparable()


def _set(held: _Held) -> None:
    held.number = 2


def _add(held: _Held) -> None:
    held.other = 1  # type: ignore[attr-defined]


def _remove(held: _Held) -> None:
    del held.number


def _set_in_a_dictionary(held: _Held) -> None:
    held.table["a"] = _Incomparable()


def _rename_in_a_dictionary(held: _Held) -> None:
    held.table["c"] = held.table.pop("b")


def _set_in_a_list(held: _Held) -> None:
    held.row[0] = _Incomparable()


def _add_to_a_list(held: _Held) -> None:
    held.row.append(1)


def _replace_a_list(held: _Held) -> None:
    held.row = list(held.row)


def _replace_all(held: _Held) -> None:
    held.__dict__ = dict(held.__dict__)


@pytest.mark.parametrize(
    "change",
    [
        _set,
        _add,
        _remove,
        _set_in_a_dictionary,
        _rename_in_a_dictionary,
        _set_in_a_list,
        _add_to_a_list,
        _replace_a_list,
        _replace_all,
    ],
)
def test_it_does_not_hold_when_something_has_changed(change: Callable[[_Held], None]) -> None:
    first, second = _Held(), _Held()
    snapshot = Snapshot(first, second)
    assert snapshot.holds()
    change(second)
    assert not snapshot.holds()
    assert not snapshot.holds()


def test_it_holds_when_a_change_is_undone() -> None:
    held = _Held()
    snapshot = Snapshot(held)
    held.number, held.table["a"] = 2, None
    held.number, held.table["a"] = 1, _VALUE
    assert snapshot.holds()
    assert snapshot.holds()
    held.number = 2
    assert not snapshot.holds()
