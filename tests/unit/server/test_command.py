"""Container commands: this parser and the entrypoint's own say the same of the same arguments."""

from __future__ import annotations

from dataclasses import dataclass

import click
import pytest
from flytekit.bin.entrypoint import execute_task_cmd, map_execute_task_cmd, normalize_inputs
from hypothesis import given, settings
from hypothesis import strategies as st

from flytewarm_server.rpc.command import EXECUTE, FAST_EXECUTE, MAP_EXECUTE, Command, CommandError, parse_command

ENTRYPOINTS: dict[str, click.Command] = {EXECUTE: execute_task_cmd, MAP_EXECUTE: map_execute_task_cmd}
OPTIONS = sorted(
    {opt for command in ENTRYPOINTS.values() for one in command.params for opt in one.opts if opt.startswith("--")}
)
PLAIN = ["--inputs", "i.pb", "--output-prefix", "o", "--resolver", "r"]


@dataclass
class Meaning:
    """What a command says to the entrypoint's functions, in click's terms."""

    parameters: dict[str, object]
    resolver_args: list[str]


def _by_click(args: list[str]) -> Meaning | None:
    """None for a command that the entrypoint refuses, or to which it only answers with its help."""
    try:
        parameters = dict(ENTRYPOINTS[args[0]].make_context(args[0], args[1:]).params)
    except (click.ClickException, click.exceptions.Exit):
        return None
    resolver_args = list(parameters.pop("resolver_args"))
    names = ("raw_output_data_prefix", "checkpoint_path", "prev_checkpoint")
    parameters.update(zip(names, normalize_inputs(*(parameters[name] for name in names)), strict=True))
    return Meaning({name: value for name, value in parameters.items() if value is not None}, resolver_args)


def _as_click(command: Command) -> Meaning:
    parameters: dict[str, object] = {flag[2:].replace("-", "_"): value for flag, value in command.options.items()}
    if "max_concurrency" in parameters:
        parameters["max_concurrency"] = int(str(parameters["max_concurrency"]))
    return Meaning({**parameters, "test": command.test}, command.resolver_args)


def _runnable(meaning: Meaning | None) -> bool:
    """Asked beyond the entrypoint's parser: what it fails without later, and a number that the contract can hold."""
    return (
        meaning is not None
        and "resolver" in meaning.parameters
        and bool(meaning.resolver_args)
        and meaning.parameters.get("max_concurrency", 0) in range(2**32)
    )


def _assert_parsed_alike(args: list[str]) -> None:
    expected = _by_click(args)
    if _runnable(expected):
        assert _as_click(parse_command(args)) == expected
    else:
        with pytest.raises(CommandError):
            parse_command(args)


_TEMPLATES = ["{{.rawOutputDataPrefix}}", "{{.checkpointOutputPrefix}}", "{{.prevCheckpointPrefix}}", '""']
_ODD = ["", "-", "--", "---", "-x", "--test", "--help", "=", "--=x", "--no-such", "-inputs", "--input", "--INPUTS"]
_NUMBERS = [
    "0",
    "7",
    "+7",
    "-7",
    " 7 ",
    "1_000",
    "007",
    "\u0667",
    "\u00b2",
    "7.0",
    "0x7",
    "4294967295",
    "4294967296",
    "9" * 5000,
]
_values = st.one_of(
    st.sampled_from(["a", "s3://b/c", "a=b", *_TEMPLATES, *_ODD, *_NUMBERS, *OPTIONS]),
    st.text(max_size=4),
    st.text("-=test", max_size=8),
)
_pieces = st.one_of(
    st.tuples(st.sampled_from(OPTIONS), _values),
    st.builds(lambda option, value: (f"{option}={value}",), st.sampled_from(OPTIONS), _values),
    st.tuples(_values),
    st.just(("--test",)),
)
_commands = st.builds(
    lambda program, before, plain, after: [program, *sum(before, ()), *plain, *sum(after, ())],
    st.sampled_from(sorted(ENTRYPOINTS)),
    st.lists(_pieces, max_size=4),
    st.sampled_from([[], PLAIN, [*PLAIN, "task-module", "m"], [*PLAIN, "--", "task-module", "m"]]),
    st.lists(_pieces, max_size=4),
)


@given(args=_commands)
@settings(max_examples=500, deadline=None)
def test_any_command(args: list[str]) -> None:
    _assert_parsed_alike(args)


@pytest.mark.parametrize("program", sorted(ENTRYPOINTS))
@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_with_odd_values(program: str, option: str) -> None:
    _assert_parsed_alike([program, *PLAIN, "a", "b", option])
    for value in (*_ODD, *_TEMPLATES, *(_NUMBERS if option == "--max-concurrency" else ())):
        _assert_parsed_alike([program, *PLAIN, option, value, "a", "b"])
        _assert_parsed_alike([program, *PLAIN, f"{option}={value}", "a", "b"])


@pytest.mark.parametrize("program", sorted(ENTRYPOINTS))
@pytest.mark.parametrize("missing", ["--inputs", "--output-prefix", "--resolver"])
def test_a_missing_option_is_named(program: str, missing: str) -> None:
    position = PLAIN.index(missing)
    with pytest.raises(CommandError, match=f"option {missing} is missing"):
        parse_command([program, *PLAIN[:position], *PLAIN[position + 2 :], "a"])


def test_options_follow_and_precede_arguments_and_the_last_one_wins() -> None:
    command = parse_command(
        ["/usr/bin/pyflyte-execute", "a", "--inputs=first", *PLAIN, "b", "--test", "--inputs=", "--", "--inputs", "--"]
    )
    assert command.program == EXECUTE
    assert command.options == {"--inputs": "", "--output-prefix": "o", "--resolver": "r"}
    assert command.test
    assert command.resolver_args == ["a", "b", "--inputs", "--"]


@pytest.mark.parametrize(
    ("args", "description"),
    [
        ([], "is empty"),
        (["python", "x.py"], "'python' is none of"),
        ([EXECUTE, *PLAIN], "resolver's arguments"),
        ([EXECUTE, *PLAIN, "--max-concurrency", "1", "a"], "has no option --max-concurrency"),
        ([EXECUTE, *PLAIN, "a", "--prev-checkpoint"], "option --prev-checkpoint needs a value"),
        ([*[FAST_EXECUTE, "--additional-distribution", "/x.tar.gz", "--"] * 1200, EXECUTE], "cannot run another"),
        ([MAP_EXECUTE, *PLAIN, "--max-concurrency", "many", "a"], "--max-concurrency"),
        ([MAP_EXECUTE, *PLAIN, "--max-concurrency", "-1", "a"], "--max-concurrency"),
        ([MAP_EXECUTE, *PLAIN, "--max-concurrency", "4294967296", "a"], "--max-concurrency"),
    ],
)
def test_refusals_say_why(args: list[str], description: str) -> None:
    with pytest.raises(CommandError, match=description) as refusal:
        parse_command(args)
    assert refusal.value.violation.field == "command.args"
    assert refusal.value.violation.description == str(refusal.value)
