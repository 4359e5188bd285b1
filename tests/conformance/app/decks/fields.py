"""Which decks a task has, by its settings."""

from flytekit import current_context, task
from flytekit.deck import DeckField

from conformance import EVERYWHERE, Case


@task(enable_deck=True)
def all_fields(text: str) -> tuple[int, str]:
    return len(text), text.upper()


@task(enable_deck=True, deck_fields=())
def no_fields(a: int) -> int:
    return a


@task(enable_deck=True, deck_fields=(DeckField.INPUT,))
def input_only(a: int) -> int:
    return a


@task(enable_deck=True, deck_fields=(DeckField.OUTPUT,))
def output_only(a: int) -> int:
    return a


@task(enable_deck=True, deck_fields=(DeckField.TIMELINE,))
def timeline_only(a: int) -> int:
    return a


@task(enable_deck=True, deck_fields=(DeckField.SOURCE_CODE,))
def source_only(a: int) -> int:
    # A comment with <html> & "quotes".
    return a


@task(enable_deck=True, deck_fields=(DeckField.DEPENDENCIES,))
def dependencies_only(a: int) -> int:
    return a


@task(enable_deck=True, deck_fields=(DeckField.SOURCE_CODE, DeckField.OUTPUT, DeckField.INPUT))
def in_another_order(a: int) -> int:
    return a


@task(enable_deck=False)
def off(a: int) -> int:
    current_context().default_deck.append("<p>nobody sees this</p>")
    return a


@task
def default(a: int) -> int:
    return a


@task(disable_deck=False)
def not_disabled(a: int) -> int:
    return a


@task(disable_deck=True)
def disabled(a: int) -> int:
    return a


CASES = [
    Case("all_fields", {"text": "ü"}, proves=("PythonTask.deck_fields",), storage=EVERYWHERE),
    Case("no_fields", {"a": 1}),
    Case("input_only", {"a": 1}),
    Case("output_only", {"a": 1}),
    Case("timeline_only", {"a": 1}),
    Case("source_only", {"a": 1}),
    Case("dependencies_only", {"a": 1}),
    Case("in_another_order", {"a": 1}),
    Case("off", {"a": 1}, proves=("PythonTask.enable_deck",)),
    Case("default", {"a": 1}),
    Case("not_disabled", {"a": 1}, proves=("PythonTask.disable_deck",)),
    Case("disabled", {"a": 1}),
]
