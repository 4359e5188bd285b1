"""What the conformance suite must notice: each of these is a way in which a warm run could differ from a cold one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flyteidl.core.errors_pb2 import ErrorDocument
from flyteidl.core.literals_pb2 import LiteralMap

from parity.commands import Places
from parity.compare import difference
from parity.fold import Fold
from parity.meant import MEANT, Meant
from parity.runs import Run, read_run
from parity.storage import local_storage

Change = Callable[[Path], None]
_TRACEBACK = """Trace:

    Traceback (most recent call last):
      File "/site-packages/flytekit/base_task.py", line {caller}, in dispatch_execute
        native_outputs = self.execute(**native_inputs)
      File "{{cwd}}/module.py", line {line}, in {function}
        raise ValueError("no")
    ValueError: no
"""


def _error(code: str = "USER:RuntimeError", seconds: int = 1, caller: int = 700, function: str = "fail") -> bytes:
    document = ErrorDocument()
    document.error.code = code
    document.error.timestamp.seconds = seconds
    document.error.message = _TRACEBACK.format(caller=caller, line=3, function=function)
    return document.SerializeToString()


def _outputs(number: int) -> bytes:
    literals = LiteralMap()
    literals.literals["o0"].scalar.primitive.integer = number
    return literals.SerializeToString()


def _run(directory: Path, change: Change | None = None, exit_status: int = 0) -> Run:
    """A run that left outputs, a deck and a file; in a second place, one that failed."""
    for path, content in {
        "outputs/outputs.pb": _outputs(1),
        "outputs/deck.html": b"<p>took 0.25 s at 2024-01-01 00:00:00.5</p>",
        "outputs/item/error.pb": _error(),
        "raw/0123456789abcdef0123456789abcdef/file.txt": b"content",
    }.items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    if change is not None:
        change(directory)
    storage = local_storage(directory.parent)
    places = Places(shared=str(directory.parent / "shared"), run=str(directory))
    return read_run(exit_status, storage, places, Fold([(str(directory), "{run}")]))


def _write(path: str, content: bytes) -> Change:
    def change(directory: Path) -> None:
        (directory / path).write_bytes(content)

    return change


def _delete(path: str) -> Change:
    return lambda directory: (directory / path).unlink()


_RANDOM = "raw/0123456789abcdef0123456789abcdef"
_DIFFERENT: dict[str, Change] = {
    "an output": _write("outputs/outputs.pb", _outputs(2)),
    "no outputs": _delete("outputs/outputs.pb"),
    "a deck": _write("outputs/deck.html", b"<p>took no time</p>"),
    "no deck": _delete("outputs/deck.html"),
    "a file's content": _write(f"{_RANDOM}/file.txt", b"other"),
    "a file's name": lambda directory: _moved(directory / _RANDOM / "file.txt", "other.txt"),
    "one more file": _write(f"{_RANDOM}/more.txt", b""),
    "an error's code": _write("outputs/item/error.pb", _error(code="USER:ValueError")),
    "an error's time": _write("outputs/item/error.pb", _error(seconds=2)),
    "no time in an error": _write("outputs/item/error.pb", _error(seconds=0)),
    "a frame of the user's": _write("outputs/item/error.pb", _error(function="other")),
}
_ALIKE: dict[str, Change] = {
    "a random name": lambda directory: _moved(directory / _RANDOM, "f" * 32),
    "a time in a deck": _write("outputs/deck.html", b"<p>took 1.75 s at 2025-02-03 11:22:33.25</p>"),
    "a frame of flytekit's": _write("outputs/item/error.pb", _error(caller=701)),
}


def _moved(path: Path, name: str) -> None:
    path.rename(path.with_name(name))


@pytest.mark.parametrize("change", _DIFFERENT.values(), ids=_DIFFERENT)
def test_a_difference_is_told(tmp_path: Path, change: Change) -> None:
    assert difference(_run(tmp_path / "cold"), _run(tmp_path / "warm", change))


@pytest.mark.parametrize("change", _ALIKE.values(), ids=_ALIKE)
def test_what_cannot_agree_is_no_difference(tmp_path: Path, change: Change) -> None:
    assert difference(_run(tmp_path / "cold"), _run(tmp_path / "warm", change)) == ""


def test_another_exit_status_is_told(tmp_path: Path) -> None:
    assert "exit status 1" in difference(_run(tmp_path / "cold"), _run(tmp_path / "warm", exit_status=1))


@pytest.fixture
def meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """One meant difference more: in decks."""
    monkeypatch.setitem(MEANT, "decks", Meant("for this test", r"took .*(?=</p>)"))
    monkeypatch.setitem(MEANT, "errors", Meant("for this test", r"exit status \d", ends_with="error"))


@pytest.mark.usefixtures("meant")
def test_a_meant_difference_is_none(tmp_path: Path) -> None:
    warm = _run(tmp_path / "warm", _write("outputs/deck.html", b"<p>took ages</p>"))
    assert difference(_run(tmp_path / "cold"), warm, ["decks"]) == ""


@pytest.mark.usefixtures("meant")
def test_beside_a_meant_difference_others_are_told(tmp_path: Path) -> None:
    warm = _run(tmp_path / "warm", _write("outputs/outputs.pb", _outputs(2)))
    assert "primitive" in difference(_run(tmp_path / "cold"), warm, ["decks"])


@pytest.mark.usefixtures("meant")
def test_a_meant_difference_must_show(tmp_path: Path) -> None:
    runs = [_run(tmp_path / name, _delete("outputs/deck.html")) for name in ("cold", "warm")]
    assert "nothing to be seen" in difference(*runs, ["decks"])


@pytest.mark.usefixtures("meant")
def test_a_meant_end_must_be_reached(tmp_path: Path) -> None:
    runs = _run(tmp_path / "cold"), _run(tmp_path / "warm", _delete("outputs/item/error.pb"), exit_status=1)
    assert "means an end with error" in difference(*runs, ["errors"])
