"""Writes docs/parity.md from the cases of tests/conformance; a test compares it with what is committed."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests" / "conformance"
sys.path[:0] = [str(TESTS), str(TESTS / "app"), str(TESTS.parent.parent / "examples")]

# flytekit makes directories when it is imported, and leaves them.
_temporary = tempfile.TemporaryDirectory(prefix="fw-parity-")
tempfile.tempdir = _temporary.name

from parity.collect import collect  # noqa: E402  # its place was only just put on the path
from parity.table import DOCUMENT, document  # noqa: E402

if __name__ == "__main__":
    DOCUMENT.write_text(document(collect()))
    print(f"written to {DOCUMENT.relative_to(TESTS.parent.parent)}")
