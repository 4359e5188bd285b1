"""An archive is unpacked with everything in its place, or refused with the entry's name and nothing outside touched."""

from __future__ import annotations

import gzip
import io
import os
import resource
import tarfile
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flytewarm_server.distribution.archive import unpack
from flytewarm_server.distribution.errors import DistributionError
from flytewarm_server.distribution.overlay import overlay

Add = Callable[[tarfile.TarFile], None]
LIMIT = 1 << 20


def _file(name: str, content: bytes = b"x", mode: int = 0o644) -> Add:
    def add(tar: tarfile.TarFile) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), mode
        tar.addfile(entry, io.BytesIO(content))

    return add


def _other(name: str, kind: bytes, target: str = "") -> Add:
    def add(tar: tarfile.TarFile) -> None:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, target
        tar.addfile(entry)

    return add


def _symlink(name: str, target: str) -> Add:
    return _other(name, tarfile.SYMTYPE, target)


def _hard_link(name: str, target: str) -> Add:
    return _other(name, tarfile.LNKTYPE, target)


def _archive(path: Path, *entries: Add) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for add in entries:
            add(tar)
    return path


def _unpack(tmp_path: Path, *entries: Add, limit: int = LIMIT) -> Path:
    target = tmp_path / "in" / "code"
    target.mkdir(parents=True)
    unpack(_archive(tmp_path / "a.tar.gz", *entries), target, limit)
    return target


def test_everything_in_its_place(tmp_path: Path) -> None:
    code = _unpack(
        tmp_path,
        _other(".", tarfile.DIRTYPE),
        _file("./a.py", b"print()"),
        _other("pkg", tarfile.DIRTYPE),
        _file("pkg/run.sh", b"#!", mode=0o4755),
        _symlink("pkg/link.py", "../a.py"),
        _symlink("again", "pkg/link.py"),
        _hard_link("hard.py", "a.py"),
        _file("a.py", b"the last one counts"),
    )
    assert (code / "a.py").read_bytes() == b"the last one counts"
    assert (code / "pkg/run.sh").stat().st_mode & 0o7777 == 0o755
    assert (code / "again").read_bytes() == (code / "pkg/link.py").read_bytes() == b"the last one counts"
    assert (code / "hard.py").read_bytes() in (b"print()", b"the last one counts")


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        ([_file("/etc/x")], "'/etc/x' has an absolute path"),
        ([_file("../x")], "'../x' has '..'"),
        ([_file("a/../../x")], "has '..'"),
        ([_symlink("l", "/etc")], "absolute path '/etc'"),
        ([_symlink("l", "..")], "leads out"),
        ([_symlink("l", "")], "'l' leads to nothing"),
        ([_symlink("a/l", "../../x")], "leads out"),
        ([_symlink("l", "."), _file("l/x")], "'l/x' lies below a link"),
        # By words alone this ends at the root; through the link it ends two directories above.
        ([_symlink("d/l", "."), _symlink("m", "d/l/../..")], "through another link"),
        ([_symlink("a", "b"), _file("a")], "there twice"),
        ([_hard_link("h", "/etc/passwd")], "absolute path"),
        ([_hard_link("h", "../x")], "leads out"),
        ([_symlink("l", "x"), _hard_link("h", "l/y")], "through another link"),
        ([_hard_link("h", "nothing")], "nothing"),
        ([_other("d", tarfile.CHRTYPE)], "neither a file"),
        ([_other("d", tarfile.BLKTYPE)], "neither a file"),
        ([_other("f", tarfile.FIFOTYPE)], "neither a file"),
        ([_file("a", b"x" * 600), _file("b", b"x" * 600)], "more than 1000 bytes"),
    ],
)
def test_what_is_refused(tmp_path: Path, entries: list[Add], fault: str) -> None:
    with pytest.raises(DistributionError, match=fault):
        _unpack(tmp_path, *entries, limit=1000)
    assert os.listdir(tmp_path / "in") == ["code"]


@pytest.mark.parametrize("content", [b"", b"not gzip", gzip.compress(b"not tar" * 200, mtime=0)])
def test_damaged_archives(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(content)
    (tmp_path / "code").mkdir()
    with pytest.raises(DistributionError, match=r"not a readable \.tar\.gz"):
        unpack(archive, tmp_path / "code", LIMIT)


def test_an_archive_that_ends_early(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "a.tar.gz", _file("a", os.urandom(5000)))
    archive.write_bytes(archive.read_bytes()[:-2000])
    (tmp_path / "code").mkdir()
    with pytest.raises(DistributionError, match=r"not a readable \.tar\.gz"):
        unpack(archive, tmp_path / "code", LIMIT)


NAMES = st.lists(st.sampled_from(["a", "b", "..", ".", "l"]), min_size=1, max_size=4).map("/".join)
ENTRIES = st.one_of(
    NAMES.map(_file),
    st.builds(_symlink, NAMES, NAMES),
    st.builds(_hard_link, NAMES, NAMES),
    NAMES.map(lambda name: _other(name, tarfile.DIRTYPE)),
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=st.lists(ENTRIES, max_size=6))
def test_nothing_is_written_outside(tmp_path_factory: pytest.TempPathFactory, entries: list[Add]) -> None:
    tmp_path = tmp_path_factory.mktemp("fuzz")
    try:
        code = _unpack(tmp_path, *entries)
    except DistributionError:
        code = tmp_path / "in" / "code"
    assert os.listdir(tmp_path / "in") == ["code"]
    assert sorted(os.listdir(tmp_path)) == ["a.tar.gz", "in"]
    for path in code.rglob("*"):
        assert os.path.realpath(path).startswith(str(code)), path


def test_an_overlay_leaves_what_is_not_replaced(tmp_path: Path) -> None:
    below, code = tmp_path / "below", tmp_path / "code"
    for directory, texts in (
        (below, {"a.py": "old", "b.py": "old", "pkg/x.py": "old", "pkg/y.py": "old", "data/d.txt": "old"}),
        (code, {"a.py": "new", "pkg/x.py": "new", "b.py/now_a_package.py": "new"}),
    ):
        for name, text in texts.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(text)
    overlay(code, below)
    seen = {str(path.relative_to(code)): path.read_text() for path in code.rglob("*") if path.is_file()}
    assert seen == {
        "a.py": "new",
        "b.py/now_a_package.py": "new",
        "pkg/x.py": "new",
        "pkg/y.py": "old",
    }
    assert (code / "data" / "d.txt").read_text() == "old"
    assert (below / "a.py").read_text() == (below / "pkg/x.py").read_text() == "old"


def _pax(name: str, records: dict[str, str]) -> Add:
    def add(tar: tarfile.TarFile) -> None:
        entry = tarfile.TarInfo(name)
        entry.pax_headers = records
        tar.addfile(entry)

    return add


def _header(name: str, kind: bytes, size: int) -> bytes:
    """A header block; the size may be one that tarfile does not write."""
    entry = tarfile.TarInfo(name)
    entry.type = kind
    block = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = tarfile.itn(size, 12, tarfile.GNU_FORMAT)  # type: ignore[attr-defined]
    block[148:156] = b" " * 8
    block[148:155] = b"%06o\0" % sum(block)
    return bytes(block)


def _raw(tmp_path: Path, *blocks: bytes) -> Path:
    path = tmp_path / "raw.tar.gz"
    with gzip.open(path, "wb", 1) as file:
        for block in blocks:
            file.write(block)
    return path


@pytest.mark.parametrize(
    ("add", "fault"),
    [
        (_pax("a", {"path": "a\0b"}), "NUL"),
        (_pax("a", {"GNU.sparse.map": "no,numbers", "GNU.sparse.size": "9"}), "not a readable"),
        (_file("d/" * 101 + "a"), "more than 100 directories"),
        (_file("d/" * 2000 + "a"), "more than 100 directories"),
    ],
)
def test_headers_that_cannot_be_meant(tmp_path: Path, add: Add, fault: str) -> None:
    with pytest.raises(DistributionError, match=fault):
        _unpack(tmp_path, add)


def test_a_negative_size_makes_no_room(tmp_path: Path) -> None:
    blocks = _header("d", tarfile.DIRTYPE, -(1 << 40)), _header("a", tarfile.REGTYPE, 2 * LIMIT), bytes(2 * LIMIT)
    with pytest.raises(DistributionError, match="negative size"):
        unpack(_raw(tmp_path, *blocks, bytes(1024)), tmp_path, LIMIT)
    assert not (tmp_path / "a").exists()


def test_a_header_is_not_read_into_memory_whatever_its_size(tmp_path: Path) -> None:
    size = 8 << 20
    blocks = _header("x", tarfile.GNUTYPE_LONGNAME, size), bytes(size), _header("a", tarfile.REGTYPE, 0)
    with pytest.raises(DistributionError, match="headers of more than"):
        unpack(_raw(tmp_path, *blocks, bytes(1024)), tmp_path, 1 << 30)


def test_a_chain_of_headers(tmp_path: Path) -> None:
    record = b"13 comment=a\n"
    link = _header("x", tarfile.XHDTYPE, len(record)) + record.ljust(512, b"\0")
    with pytest.raises(DistributionError, match="not a readable"):
        unpack(_raw(tmp_path, *[link] * 3000, _header("a", tarfile.REGTYPE, 0), bytes(1024)), tmp_path, LIMIT)


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        ((_file("a"), _file("a/b")), "entry 'a/b' is a file where another needs a directory"),
        ((_file("a/b"), _file("a")), "entry 'a' is a file where another needs a directory"),
        ((_file("a" * 300),), "a name that is too long"),
    ],
)
def test_names_that_do_not_fit_the_file_system(tmp_path: Path, entries: tuple[Add, ...], fault: str) -> None:
    with pytest.raises(DistributionError, match=fault):
        _unpack(tmp_path, *entries)


def test_what_the_disk_refuses_is_not_the_archives_fault(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "a.tar.gz", _file("a", b"x" * 4096))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            unpack(archive, tmp_path, LIMIT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_it_stops_when_told(tmp_path: Path) -> None:
    stop = Event()
    stop.set()
    with pytest.raises(DistributionError, match="nobody waits"):
        unpack(_archive(tmp_path / "a.tar.gz", _file("a")), tmp_path, LIMIT, stop)
    assert not (tmp_path / "a").exists()
