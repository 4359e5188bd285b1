"""ExecutionParameters made from others, and what they carry beside their fields."""

import os
from pathlib import Path

import flytekit
from flytekit import task
from flytekit.core.checkpointer import SyncCheckpoint
from flytekit.core.context_manager import ExecutionParameters, FlyteContextManager

from conformance import Case
from seen import raised, told


@task
def attributes() -> str:
    parameters = flytekit.current_context()
    # A copy: a builder that takes the current one's attributes shares them.
    builder = ExecutionParameters.new_builder(parameters)
    builder.attrs = {}
    extended = builder.add_attr("SESSION", "a session").build()
    return told(
        before=[parameters.has_attr("session"), raised(lambda: parameters.get("session"))],
        unknown=raised(lambda: parameters.session),
        after=[extended.has_attr("session"), extended.has_attr("other"), extended.get("session"), extended.session],
        others=parameters.has_attr("session"),
    )


@task
def attributes_of_the_current() -> str:
    """The builder shares the dictionary with the parameters that it copies: the next execution must not see it."""
    parameters = flytekit.current_context()
    before = parameters.has_attr("left")
    parameters.builder().add_attr("LEFT", 1)
    return told(before=before, after=parameters.has_attr("left"))


@task
def builder_of_the_current() -> str:
    parameters = flytekit.current_context()
    copy = parameters.builder().build()
    fields = ("execution_date", "execution_id", "task_id", "stats", "logging", "working_directory", "decks")
    prefixes = ("raw_output_prefix", "output_metadata_prefix", "enable_deck")
    builder = parameters.builder()
    builder.raw_output_prefix, builder.output_metadata_prefix = "raw", "metadata"
    changed = builder.build()
    return told(
        same={name: getattr(copy, name) is getattr(parameters, name) for name in (*fields, *prefixes)},
        changed=[changed.raw_output_prefix, changed.output_metadata_prefix],
        current=[parameters.raw_output_prefix, parameters.output_metadata_prefix],
    )


@task
def builder_of_nothing() -> str:
    empty = ExecutionParameters.new_builder()
    made = empty.build()
    return told(
        fields={name: getattr(empty, name) for name in sorted(ExecutionParameters.Builder.__dataclass_fields__)},
        made=[made.execution_id, made.task_id, made.working_directory, made.decks, made.enable_deck],
    )


@task
def constructed() -> str:
    current = flytekit.current_context()
    made = ExecutionParameters(
        execution_date=current.execution_date,
        tmp_dir="directory",
        stats=None,
        execution_id=None,
        logging=None,
        raw_output_prefix="raw",
        KEY="value",
    )
    names = ("working_directory", "stats", "raw_output_prefix", "output_metadata_prefix", "enable_deck", "task_id")
    return told(fields={name: getattr(made, name) for name in names}, key=made.key, decks=made.decks)


@task
def task_sandbox() -> str:
    parameters = flytekit.current_context()
    made = parameters.with_task_sandbox().build()
    path = Path(made.working_directory)
    made.checkpoint.write(b"state")
    return told(
        checkpoint=type(made.checkpoint) is SyncCheckpoint,
        directory=[path.is_dir(), sorted(entry.name for entry in path.iterdir())],
        beside=str(path).startswith(str(parameters.working_directory)) and str(path) != parameters.working_directory,
        parent=str(path.parent),
        own=raised(lambda: parameters.checkpoint),
        kept=made.execution_id is parameters.execution_id,
        writable=os.access(path, os.W_OK),
    )


@task
def switched_decks() -> str:
    parameters = flytekit.current_context()
    on, off = parameters.with_enable_deck(True).build(), parameters.with_enable_deck(False).build()
    context = FlyteContextManager.current_context()
    state = context.execution_state.with_params(user_space_params=on)
    with FlyteContextManager.with_context(context.with_execution_state(state)):
        inner = flytekit.current_context().enable_deck
    return told(seen=[parameters.enable_deck, on.enable_deck, off.enable_deck, inner])


CASES = [
    Case("attributes", proves=("ExecutionParameters.get", "ExecutionParameters.has_attr")),
    Case("attributes_of_the_current", proves=("ExecutionParameters.has_attr",)),
    Case("builder_of_the_current", proves=("ExecutionParameters.builder",)),
    Case("builder_of_nothing", proves=("ExecutionParameters.new_builder",)),
    Case("constructed", proves=("ExecutionParameters",)),
    Case("task_sandbox", proves=("ExecutionParameters.with_task_sandbox",)),
    Case("switched_decks", proves=("ExecutionParameters.with_enable_deck",)),
]
