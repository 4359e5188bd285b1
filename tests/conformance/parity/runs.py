"""What one run left behind, in a form in which two runs can be compared."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from parity.commands import Places
from parity.documents import readable
from parity.fold import Fold
from parity.storage import Storage

# First, because they refer to the other files: random names get their numbers in them.
_DOCUMENTS = ("outputs/outputs.pb", "outputs/futures.pb", "outputs/error.pb")
_RESULTS = {"outputs.pb": "outputs", "futures.pb": "futures", "error.pb": "error"}


@dataclass(frozen=True)
class Run:
    """Exit status of the command, and every file below the run's directory by its folded path."""

    exit_status: int
    files: list[tuple[str, Any]]
    #: What the storage keeps of each file beside its content, in the order of `files`.
    attributes: list[dict[str, Any]]

    def ends_with(self) -> str:
        """Which document tells the result: outputs, futures, error, or nothing."""
        names = {path.rsplit("/", 1)[-1] for path, _ in self.files if path.startswith("outputs/")}
        found = [result for name, result in _RESULTS.items() if name in names]
        if not found and any(name.startswith("error-") for name in names):
            found = ["error"]
        return " and ".join(found) or "nothing"

    def text(self) -> str:
        """For people, and for comparing."""
        parts = [f"exit status {self.exit_status}"]
        for (path, content), attributes in zip(self.files, self.attributes, strict=True):
            shown = content if isinstance(content, str) else json.dumps(content, indent=1, sort_keys=True, default=str)
            beside = f" {json.dumps(attributes, sort_keys=True)}" if attributes else ""
            # Text inside of JSON gets its lines, too: a difference is then shown as lines.
            parts.append(f"--- {path}{beside}\n{shown}".replace("\\n", "\n"))
        return "\n".join(parts)


def read_run(exit_status: int, storage: Storage, places: Places, fold: Fold) -> Run:
    """Reads what a run has left below its directory."""
    tree = storage.read_tree(places.run)
    order = sorted(tree, key=lambda path: (path not in _DOCUMENTS, path))
    found = [
        ((fold.text(path), readable(path, tree[path], fold)), storage.attributes(f"{places.run}/{path}"))
        for path in order
    ]
    found.sort(key=lambda one: (one[0][0], str(one[0][1])))
    return Run(exit_status, [file for file, _ in found], [attributes for _, attributes in found])
