"""docs/parity.md says what the cases prove, and leaves no class and no member without a proof."""

from __future__ import annotations

from parity.collect import collect
from parity.table import DOCUMENT, document, proofs

ITEMS = collect()


def test_the_document_is_what_the_cases_say() -> None:
    assert DOCUMENT.read_text() == document(ITEMS), "run: make parity"


def test_everything_has_a_proof() -> None:
    assert [name for name, cases in proofs(ITEMS).items() if not cases] == []


def test_there_are_as_many_cases_as_promised() -> None:
    assert len(ITEMS) >= 150
    assert sum(item.storage == "s3" for item in ITEMS) >= 30
