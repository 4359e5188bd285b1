"""The decks of flytekit.current_context()."""

import flytekit
from flytekit import Deck, task
from flytekit.deck import DeckField

from conformance import Case
from seen import told


def _decks() -> str:
    parameters = flytekit.current_context()
    names = [deck.name for deck in parameters.decks]
    Deck("mine", "<p>mine</p>")
    parameters.default_deck.append("default text")
    timeline = parameters.timeline_deck
    return told(
        enabled=parameters.enable_deck,
        names=names,
        own=[deck.name for deck in parameters.decks],
        default=[type(parameters.default_deck).__name__, parameters.default_deck.name],
        timeline=[type(timeline).__name__, timeline.name, timeline is parameters.timeline_deck],
        timed=[entry["Name"] for entry in timeline.time_info],
    )


@task
def without_decks() -> str:
    return _decks()


@task(enable_deck=True)
def with_decks() -> str:
    return _decks()


@task(enable_deck=True, deck_fields=(DeckField.INPUT, DeckField.OUTPUT))
def without_timeline(number: int = 3) -> str:
    return _decks()


@task(enable_deck=True)
def of_the_context() -> str:
    Deck("one", "<p>of one</p>")
    html = flytekit.FlyteContext.current_context().get_deck()
    return told(
        type=type(html).__name__,
        has=["<p>of one</p>" in html, ">one<" in html.replace("\n", "").replace(" ", ""), html.count("<html")],
    )


_MEMBERS = ("decks", "default_deck", "timeline_deck", "enable_deck")

CASES = [
    Case("without_decks", proves=tuple(f"ExecutionParameters.{name}" for name in _MEMBERS)),
    Case("with_decks", proves=tuple(f"ExecutionParameters.{name}" for name in _MEMBERS)),
    Case("without_timeline", {"number": 3}, proves=("ExecutionParameters.timeline_deck",)),
    Case("of_the_context", proves=("FlyteContext.get_deck",)),
]
