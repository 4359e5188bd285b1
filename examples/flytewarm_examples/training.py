"""A model trained with scikit-learn, its metrics, and a deck with a plot."""

import base64
import io
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
from flytekit import Deck, current_context, task
from flytekit.deck import DeckField
from flytekit.types.file import FlyteFile
from matplotlib.figure import Figure
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


class Trained(NamedTuple):
    """A fitted classifier as a joblib file, and how well it does on wines that it has not seen."""

    model: FlyteFile
    metrics: dict[str, float]


# The dependencies deck is left out: flytekit makes it by running pip twice, which takes seconds.
@task(enable_deck=True, deck_fields=(DeckField.SOURCE_CODE, DeckField.TIMELINE, DeckField.INPUT, DeckField.OUTPUT))
def train(test_share: float, seed: int) -> Trained:
    """Learns to tell three cultivars of wine apart by their chemistry."""
    wine = load_wine()
    fit_x, test_x, fit_y, test_y = train_test_split(
        wine.data, wine.target, test_size=test_share, random_state=seed, stratify=wine.target
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    model.fit(fit_x, fit_y)
    predicted = model.predict(test_x)
    Deck("Confusion", _plot(confusion_matrix(test_y, predicted), list(wine.target_names)))
    path = Path(current_context().working_directory) / "wine.joblib"
    joblib.dump(model, path)
    return Trained(
        model=FlyteFile(str(path)),
        metrics={
            "accuracy": float(accuracy_score(test_y, predicted)),
            "f1_macro": float(f1_score(test_y, predicted, average="macro")),
            "test_rows": float(len(test_y)),
        },
    )


def _plot(matrix: np.ndarray, names: list[str]) -> str:
    """Draws a confusion matrix as an HTML image.

    A Figure by itself, without pyplot, keeps no figure registry and needs no display: nothing stays in the interpreter.
    """
    figure = Figure(figsize=(4.5, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(matrix, cmap="Blues")
    for (row, column), count in np.ndenumerate(matrix):
        shade = "white" if count > matrix.max() / 2 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=shade)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted", ylabel="true", title="Wines by cultivar")
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=100)
    return f'<img alt="confusion matrix" src="data:image/png;base64,{base64.b64encode(image.getvalue()).decode()}">'
