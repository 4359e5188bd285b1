"""Versions of dictionaries: every change is seen, however they are read."""

from __future__ import annotations

import random
import sys

import pytest

from flytewarm_worker import versions
from flytewarm_worker.versions import Versions, extended, version, versions_of


@pytest.fixture(params=["gathered", "one by one"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "gathered":
        pytest.importorskip("numpy")
    else:
        monkeypatch.delitem(sys.modules, "numpy", raising=False)


@pytest.mark.skipif(not versions.HAS_VERSIONS, reason="this Python counts none")
def test_numpy_gathers_where_it_is_loaded() -> None:
    pytest.importorskip("numpy")
    assert type(versions_of([{"a": 1}])) is not Versions


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_those_that_changed_are_told_until_they_are_accepted(count: int) -> None:
    dictionaries = [{"number": number} for number in range(count)]
    seen = versions_of(dictionaries)
    assert seen.changed() == []
    changed = sorted(random.Random(count).sample(range(count), count // 3 + (count > 0)))
    for index in changed:
        dictionaries[index]["number"] = -1
    assert seen.changed() == changed
    assert seen.changed() == changed
    for index in changed:
        seen.accept(index)
    assert seen.changed() == []


@pytest.mark.usefixtures("_way")
@pytest.mark.skipif(not versions.HAS_VERSIONS, reason="this Python counts none")
def test_what_is_changed_and_changed_back_has_changed() -> None:
    dictionaries = [{"name": min}, {"name": max}]
    seen, before = versions_of(dictionaries), version(dictionaries[1])
    dictionaries[1]["name"] = min
    dictionaries[1]["name"] = max
    assert seen.changed() == [1]
    assert version(dictionaries[1]) != before


@pytest.mark.usefixtures("_way")
def test_more_can_be_added() -> None:
    first, more = {"a": 1}, {"b": 1}
    seen = extended(versions_of([first]), [more])
    assert seen.changed() == []
    first["a"] = more["b"] = 2
    assert seen.changed() == [0, 1]


@pytest.mark.skipif(not versions.HAS_VERSIONS, reason="this Python counts none")
def test_numpy_gathers_those_too_that_were_there_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    numpy = pytest.importorskip("numpy")
    first, more = {"a": 1}, {"b": 1}
    with monkeypatch.context() as without:
        without.delitem(sys.modules, "numpy")
        seen = versions_of([first])
    assert type(seen) is Versions
    monkeypatch.setitem(sys.modules, "numpy", numpy)
    seen = extended(seen, [more])
    assert type(seen) is not Versions
    assert seen.changed() == []
    first["a"] = more["b"] = 2
    assert seen.changed() == [0, 1]


@pytest.mark.usefixtures("_way")
def test_another_dictionary_has_another_version() -> None:
    one, other = {"a": 1}, {"a": 1}
    assert version(one) != version(other)
    assert version(one) == version(one)


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("count", [0, 1, 500])
def test_more_are_added_to_those_that_have_changed(count: int) -> None:
    first: list[dict[str, int]] = [{"number": number} for number in range(count)]
    more: list[dict[str, int]] = [{"number": number} for number in range(300)]
    seen = versions_of(first)
    for one in first:
        one["number"] = -1
    seen.extend(more)
    assert seen.changed() == list(range(count))
    more[7]["number"] = -1
    assert seen.changed() == [*range(count), count + 7]
    for index in seen.changed():
        seen.accept(index)
    assert seen.changed() == []
