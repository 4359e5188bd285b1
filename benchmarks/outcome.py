"""What a run leaves: the files with its figures, and its exit status."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from comparison import SERVICE, Comparison
from plot import draw

RESULTS = Path(__file__).resolve().parent / "results"


def stem(*, quick: bool, only: Sequence[str] | None) -> str:
    """What the files are called: a full run's are overwritten by another full run alone."""
    if only:
        return "partial"
    return "quick" if quick else "latest"


def write(document: Mapping[str, Any], name: str, directory: Path = RESULTS) -> list[Path]:
    """Writes the figures, and a picture where there is something to draw; returns what was written.

    A picture of an earlier run does not stay beside figures that are not its own.
    """
    directory.mkdir(exist_ok=True)
    figures, picture = directory / f"{name}.json", directory / f"{name}.png"
    figures.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    picture.unlink(missing_ok=True)
    return [figures, picture] if draw(document, picture) else [figures]


def exit_status(compared: Comparison, failed: Mapping[str, str]) -> int:
    """1 where a figure failed, or the service or one of its targets was left out.

    A peer that is left out, as it may not be installed, is no failure.
    """
    ours = {SERVICE, *(target for target, system in compared.systems.items() if system == SERVICE)}
    return 1 if failed or ours & compared.left_out.keys() else 0
