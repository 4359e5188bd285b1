"""Whatever an archive is made of, nothing outside of its directory is touched."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import tarfile
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages import Maker, fuzzing

from flytewarm_server.distribution.archive import unpack
from flytewarm_server.distribution.errors import DistributionError

_LIMIT = 1 << 16
_KINDS = (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, b"?")
_PARTS = ("a", "b", "..", ".", "", "outside", "link", "é", "x" * 300, "\\", " ", "~")


def _name(random: Random) -> str:
    name = "/".join(random.choices(_PARTS, k=random.randint(1, 4)))
    return f"/{name}" if random.random() < 0.1 else name


def _archive(seed: int) -> bytes:
    maker = Maker(seed, ("",))
    random = maker.random
    unpacked = io.BytesIO()
    form = random.choice([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    with tarfile.open(fileobj=unpacked, mode="w", format=form) as tar:
        for _ in range(random.randint(0, 6)):
            entry = tarfile.TarInfo(_name(random))
            entry.type = random.choice(_KINDS)
            entry.linkname = _name(random)
            entry.mode = random.randint(0, 0o7777)
            content = random.randbytes(random.randint(0, 64)) if entry.isreg() else b""
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    raw = unpacked.getvalue().rstrip(b"\0") + bytes(1024)
    packed = gzip.compress(maker.damaged(raw) if random.random() < 0.5 else raw, compresslevel=1)
    return maker.damaged(packed) if random.random() < 0.2 else packed


def test_nothing_outside_is_touched(tmp_path: Path, full: bool, capsys: pytest.CaptureFixture[str]) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    outcomes: Counter[str] = Counter()

    @fuzzing(10_000 if full else 500, full=full)
    @given(st.integers(0, 1 << 63))
    def check(seed: int) -> None:
        (tmp_path / "code.tar.gz").write_bytes(_archive(seed))
        target = tmp_path / "in" / "code"
        target.mkdir(parents=True)
        try:
            outcomes[_unpack(tmp_path / "code.tar.gz", target)] += 1
            _check_contents(target)
        finally:
            shutil.rmtree(tmp_path / "in")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["code.tar.gz", "outside"]
        assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("kept", "kept")]

    check()
    with capsys.disabled():
        print(f"\n{outcomes.total()} archives: {dict(outcomes)}")
    assert outcomes.keys() == {"unpacked", "refused"}


def _unpack(archive: Path, target: Path) -> str:
    try:
        unpack(archive, target, _LIMIT)
    except DistributionError:
        return "refused"
    return "unpacked"


def _check_contents(target: Path) -> None:
    """Files and directories alone, of few bytes, without rights of others; links lead to what is inside."""
    total = 0
    for directory, directories, files in os.walk(target):
        for name in directories + files:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            assert stat.S_IFMT(status.st_mode) in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)
            if stat.S_ISLNK(status.st_mode):
                assert os.path.realpath(path).startswith(f"{target}")
            else:
                assert not status.st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX)
                total += status.st_size if stat.S_ISREG(status.st_mode) else 0
    assert total <= _LIMIT
