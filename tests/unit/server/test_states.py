"""The tables of states: complete, without dead ends, with the contract's numbers."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest

from flytewarm_server.execution.states import EXECUTION_TABLE, ExecutionState
from flytewarm_server.lifecycle import Table
from flytewarm_server.messages import execution_pb2, worker_pool_pb2
from flytewarm_server.pool.states import ENVIRONMENT_TABLE, WORKER_TABLE, EnvironmentState, WorkerState

# Enum, the contract's enum, table, first state, terminal states.
LIVES = [
    pytest.param(
        ExecutionState,
        execution_pb2.ExecutionState,
        EXECUTION_TABLE,
        "QUEUED",
        {"SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT", "LOST"},
        id="execution",
    ),
    pytest.param(WorkerState, worker_pool_pb2.WorkerState, WORKER_TABLE, "STARTING", {"DEAD"}, id="worker"),
    pytest.param(
        EnvironmentState, worker_pool_pb2.EnvironmentState, ENVIRONMENT_TABLE, "LOADING", {"GONE"}, id="environment"
    ),
]
all_lives = pytest.mark.parametrize(("states", "contract", "table", "first", "terminal"), LIVES)


def _reachable(table: Table[Any], start: Enum) -> set[Enum]:
    found, edge = {start}, [start]
    while edge:
        new = table[edge.pop()] - found
        found |= new
        edge += new
    return found


@all_lives
def test_values_are_those_of_the_contract(
    states: type[Enum], contract: Any, table: Table[Any], first: str, terminal: set[str]
) -> None:
    prefix = contract.DESCRIPTOR.values[0].name.removesuffix("UNSPECIFIED")
    expected = {name.removeprefix(prefix): number for name, number in contract.items() if number}
    assert {state.name: state.value for state in states} == expected


@all_lives
def test_every_state_has_a_row_and_is_reached(
    states: type[Enum], contract: Any, table: Table[Any], first: str, terminal: set[str]
) -> None:
    assert set(table) == set(states)
    assert _reachable(table, states[first]) == set(states)


@all_lives
def test_every_life_can_end(
    states: type[Enum], contract: Any, table: Table[Any], first: str, terminal: set[str]
) -> None:
    ends = {state for state in states if not table[state]}
    assert {state.name for state in ends} == terminal
    for state in states:
        assert _reachable(table, state) & ends, state


@all_lives
def test_no_state_follows_itself(
    states: type[Enum], contract: Any, table: Table[Any], first: str, terminal: set[str]
) -> None:
    assert [state for state in states if state in table[state]] == []


def test_only_a_worker_makes_an_execution_succeed() -> None:
    before = {state for state, next_states in EXECUTION_TABLE.items() if ExecutionState.SUCCEEDED in next_states}
    assert before == {ExecutionState.STARTING, ExecutionState.RUNNING}
