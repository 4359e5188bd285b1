"""Small code distributions with the task add, each with content of its own."""

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

MODULE = "bundled"
_CODE = '''"""Number {number}."""

{imports}
from flytekit import task


@task
def add(a: int, b: int) -> int:
    return a + b
'''


def make_bundle(directory: Path, number: int, imports: Sequence[str] = ()) -> str:
    """Writes an archive as fast registration makes it, and returns its URI. `imports`: modules that it imports."""
    path = directory / f"bundle-{number}.tar.gz"
    code = _CODE.format(number=number, imports="\n".join(f"import {name}" for name in imports)).encode()
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo(f"{MODULE}.py")
        entry.size = len(code)
        archive.addfile(entry, io.BytesIO(code))
    return f"file://{path}"
