"""Decks that the user makes."""

import base64
import io

import pandas as pd
import pyarrow as pa
from flytekit import Deck, current_context, task
from flytekit.deck import MarkdownRenderer, TopFrameRenderer
from flytekit.deck.renderer import ArrowRenderer, SourceCodeRenderer
from typing_extensions import Annotated

from conformance import Case


class Stars:
    def to_html(self, number: int) -> str:
        return "<b>" + "★" * number + "</b>"


class RefusingRenderer:
    def to_html(self, number: int) -> str:
        raise ValueError(f"{number} cannot be shown")


class RefusingDeck(Deck):
    @property
    def html(self) -> str:
        raise ValueError("no deck today")


@task(enable_deck=True)
def own_deck() -> int:
    deck = Deck("own <name>", MarkdownRenderer().to_html("# Title\n\n* one\n* *two*"))
    deck.append("<p>more ☃</p>")
    return len(current_context().decks)


@task(enable_deck=True)
def default_deck() -> str:
    parameters = current_context()
    parameters.default_deck.append("<p>in the default deck</p>")
    return parameters.default_deck.name


@task(enable_deck=True)
def same_name_twice() -> int:
    Deck("twin", "first")
    Deck("twin", "second")
    return 1


@task(enable_deck=True)
def not_added() -> int:
    Deck("hidden", "nobody sees this", auto_add_to_deck=False)
    return 1


@task(enable_deck=True)
def frames() -> Annotated[pd.DataFrame, TopFrameRenderer(2)]:
    frame = pd.DataFrame({"n": range(5), "name": list("abcde")})
    Deck("frame", TopFrameRenderer(max_rows=3, max_cols=1).to_html(frame))
    Deck("table", ArrowRenderer().to_html(pa.table({"n": [1, 2]})))
    Deck("source", SourceCodeRenderer("Mine").to_html("def f(): ..."))
    return frame


@task(enable_deck=True)
def rendered(number: Annotated[int, Stars()]) -> Annotated[int, Stars()]:
    return number + 1


@task(enable_deck=True)
def refused_renderer() -> Annotated[int, RefusingRenderer()]:
    return 1


@task(enable_deck=True)
def refused_deck() -> int:
    RefusingDeck("refused")
    return 1


@task(enable_deck=True)
def plot() -> int:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(1, 1))
    axes.plot([1, 3, 2])
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=40)
    pyplot.close(figure)
    Deck("plot", f'<img src="data:image/png;base64,{base64.b64encode(image.getvalue()).decode()}">')
    return 1


@task(enable_deck=True)
def failing() -> int:
    Deck("before", "<p>written before it failed</p>")
    raise ValueError("after the deck")


@task(enable_deck=True)
def failing_outputs() -> int:
    Deck("before", "<p>written before its output was refused</p>")
    return "no number"


@task(enable_deck=True)
def failing_inputs(a: int) -> int:
    return a


@task(enable_deck=True)
def published() -> int:
    deck = Deck("live", "first")
    Deck.publish()
    deck.append("second")
    Deck.publish()
    deck.append("last")
    return 1


@task
def published_while_off() -> int:
    Deck("live", "nobody sees this")
    Deck.publish()
    return 1


@task(enable_deck=True)
def published_and_failed() -> int:
    Deck("live", "first")
    Deck.publish()
    raise ValueError("after it was published")


CASES = [
    Case("own_deck"),
    Case("default_deck"),
    Case("same_name_twice"),
    Case("not_added"),
    Case("frames"),
    Case("rendered", {"number": 2}),
    Case("refused_renderer", ends_with="error"),
    Case("refused_deck"),
    Case("plot"),
    Case("failing", ends_with="error"),
    Case("failing_outputs", ends_with="error"),
    Case("failing_inputs", files={"inputs.pb": b""}, ends_with="error"),
    Case("published"),
    Case("published_while_off"),
    Case("published_and_failed", ends_with="error"),
]
