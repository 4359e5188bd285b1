"""The examples of the documentation, run as a reader would run them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults import wait_for
from showcase.service import Service

ROOT = Path(__file__).resolve().parents[2]
PYTHON_EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs/usage.md").read_text(), flags=re.DOTALL)
DEADLINE_S = 120


@pytest.fixture(scope="module")
def examples() -> Iterator[Service]:
    """A service on the examples."""
    with Service(ROOT / "examples") as running:
        yield running


def _run(service: Service, command: list[str], directory: Path) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "FLYTEWARM_TARGET": service.target, "PATH": path}
    ended = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=DEADLINE_S, cwd=directory, env=environment
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, r"42\n.*InsufficientFundsError"), (1, r"[01]\.\d+ .*/kept/"), (2, r"\[1, 2, 3")],
)
def test_python_examples(examples: Service, tmp_path: Path, number: int, expected: str) -> None:
    printed = _run(examples, [sys.executable, "-c", PYTHON_EXAMPLES[number]], tmp_path)
    assert re.search(expected, printed), printed


def test_the_example_of_many_executions(examples: Service, tmp_path: Path) -> None:
    first, *others = _run(examples, [sys.executable, "-c", PYTHON_EXAMPLES[3]], tmp_path).splitlines()
    assert first == str(sum(range(1, 1001)))
    assert sorted(line[0] for line in others) == ["0", "1"]


def test_the_module_with_hooks_in_a_process_that_is_no_worker(examples: Service, tmp_path: Path) -> None:
    (tmp_path / "answers.py").write_text(PYTHON_EXAMPLES[4])
    assert _run(examples, [sys.executable, "-c", "import answers; print(answers.answer())"], tmp_path) == "42\n"


def test_the_task_that_calls_the_service(tmp_path: Path) -> None:
    code = tmp_path / "code"
    shutil.copytree(ROOT / "examples" / "flytewarm_examples", code / "flytewarm_examples")
    (code / "totals.py").write_text(PYTHON_EXAMPLES[5])
    with Service(code, workers=1) as service:
        command = ["flytewarm", "run", "totals.add_up", "--numbers", "[1, 2, 3, 4]"]
        assert _run(service, command, tmp_path) == "10\n"


def test_the_example_of_hooks(examples: Service, tmp_path: Path) -> None:
    book = tmp_path / "book"
    task = "flytewarm_examples.lighthouse.keep_watch"
    command = [Path(sys.executable).with_name("flytewarm"), "run", task, "--log_book", book, "--seconds", "600"]
    with subprocess.Popen(command, env={**os.environ, "FLYTEWARM_TARGET": examples.target}) as watch:
        wait_for(lambda: book.exists() and book.read_text() == "begun")
        watch.send_signal(signal.SIGINT)
        assert watch.wait(timeout=DEADLINE_S) == 130
    wait_for(lambda: book.read_text() == "relieved")


def test_every_python_example_is_run() -> None:
    # The last one is test_tokens'.
    assert len(PYTHON_EXAMPLES) == 7


def test_the_exec_example(examples: Service, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    (block,) = (one for one in re.findall(r"(?:^ {4}.*\n|^\n)+", readme, flags=re.MULTILINE) if "flytewarm exec" in one)
    _run(examples, ["bash", "-euc", textwrap.dedent(block)], tmp_path)
    assert (tmp_path / "out" / "outputs.pb").is_file()
