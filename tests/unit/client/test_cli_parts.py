"""Pure parts of the command line: the caller's environment, paths in container commands, exit codes, progress."""

from __future__ import annotations

import io
import os
import threading

import pytest
from scripted import failure, outputs

from flytewarm.cli.arguments import absolute, parse_env
from flytewarm.cli.caller_environment import task_variables
from flytewarm.cli.container_command import absolute_paths, exit_code
from flytewarm.cli.exits import UsageError
from flytewarm.cli.image import serialization
from flytewarm.cli.progress import Progress
from flytewarm_api.v1 import execution_pb2

FAILED = execution_pb2.EXECUTION_STATE_FAILED
CALLER = {
    "FLYTE_INTERNAL_EXECUTION_ID": "e",
    "FLYTEWARM_TARGET": "unix:/s",
    "_F_PRJ": "p",
    "_FSEC_GROUP_KEY": "secret",
    "AWS_REGION": "r",
    "BATCH_JOB_ARRAY_INDEX_VAR_NAME": "MY_INDEX",
    "MY_INDEX": "3",
    "PATH": "/bin",
    "PYTHONPATH": "/here",
    "HOME": "/home/me",
    "RANK": "0",
}


def test_the_variables_that_the_entrypoint_reads_are_sent() -> None:
    sent = task_variables(CALLER, everything=False, extra={"RANK": "1", "AWS_REGION": "other"})
    assert set(sent) == {
        "FLYTE_INTERNAL_EXECUTION_ID",
        "_F_PRJ",
        "_FSEC_GROUP_KEY",
        "AWS_REGION",
        "BATCH_JOB_ARRAY_INDEX_VAR_NAME",
        "MY_INDEX",
        "RANK",
    }
    assert (sent["RANK"], sent["AWS_REGION"]) == ("1", "other")


def test_all_variables_are_all_but_the_machines() -> None:
    sent = task_variables(CALLER, everything=True, extra={"PATH": "/mine"})
    assert set(CALLER) - set(sent) == {"FLYTEWARM_TARGET", "PYTHONPATH", "HOME"}
    assert (sent["PATH"], sent["RANK"]) == ("/mine", "0")


def test_env_arguments() -> None:
    assert parse_env(["A=b=c", "D="]) == {"A": "b=c", "D": ""}
    for wrong in ("A", "=b"):
        with pytest.raises(UsageError, match=f"--env {wrong}: expected NAME=VALUE"):
            parse_env([wrong])


def test_absolute() -> None:
    assert absolute("a/../b") == os.path.abspath("b")
    assert [absolute(path) for path in ("", "/a", "s3://b/c")] == ["", "/a", "s3://b/c"]


def test_paths_of_a_command_become_absolute() -> None:
    here = os.getcwd()
    given = [
        "pyflyte-execute",
        "--inputs",
        "in.pb",
        "--output-prefix=out",
        "--raw-output-data-prefix",
        "s3://b/raw",
        "--prev-checkpoint",
    ]
    given += ['""', "--checkpoint-path", "{{.checkpointOutputPrefix}}", "--resolver", "r.x", "--", "--inputs", "in.pb"]
    expected = ["pyflyte-execute", "--inputs", f"{here}/in.pb", f"--output-prefix={here}/out", *given[4:]]
    assert absolute_paths(given) == expected
    assert absolute_paths(["pyflyte-execute", "--inputs"]) == ["pyflyte-execute", "--inputs"]
    # What pyflyte-fast-execute wraps is a command, too.
    fast = ["/bin/pyflyte-fast-execute", "--additional-distribution", "code.tar.gz", "--dest-dir", ".", "--"]
    wrapped = [*fast[:2], f"{here}/code.tar.gz", *fast[3:], *expected]
    assert absolute_paths([*fast, *given]) == wrapped


@pytest.mark.parametrize(
    ("cause", "uri", "fail_on_error", "expected"),
    [
        (execution_pb2.ERROR_CAUSE_USER, "/error.pb", False, 0),
        (execution_pb2.ERROR_CAUSE_SYSTEM, "/error.pb", False, 0),
        (execution_pb2.ERROR_CAUSE_USER, "/error.pb", True, 1),
        (execution_pb2.ERROR_CAUSE_USER, "", False, 1),
        (execution_pb2.ERROR_CAUSE_CANCELLED, "/error.pb", False, 1),
        (execution_pb2.ERROR_CAUSE_WORKER_LOST, "/error.pb", False, 1),
    ],
)
def test_exit_codes_of_the_entrypoint(
    cause: execution_pb2.ErrorCause, uri: str, fail_on_error: bool, expected: int
) -> None:
    outcome = failure(FAILED, cause).outcome
    outcome.error.uri = uri
    assert exit_code(outcome, fail_on_error) == expected
    outcome.receipt.ClearField("worker")
    assert exit_code(outcome, fail_on_error) == 1
    assert exit_code(outputs("{}").outcome, fail_on_error) == 0


class Terminal(io.StringIO):
    """A terminal that says when something has been written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        count = super().write(text)
        self.written.set()
        return count


def test_the_progress_line_is_erased_before_text_and_at_the_end() -> None:
    terminal = Terminal()
    with Progress("m.t", terminal, interval=0.01) as progress:
        progress.phase("running")
        assert terminal.written.wait(10)
        progress.write(terminal, "a line\n")
        before, _, after = terminal.getvalue().partition("a line\n")
        terminal.written.clear()
        assert terminal.written.wait(10)
    assert before.startswith("\r\x1b[Km.t: ")
    assert before.endswith("\r\x1b[K")
    assert after == "" or after.startswith("\r\x1b[Km.t: running")
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_no_progress_without_a_terminal_and_none_within_the_interval() -> None:
    for stream in (io.StringIO(), Terminal()):
        with Progress("m.t", stream, interval=60) as progress:
            progress.write(stream, "text\n")
        assert stream.getvalue() == "text\n"


def test_what_follows_on_a_terminal_starts_its_own_line() -> None:
    file, terminal = io.StringIO(), Terminal()
    with Progress("m.t", terminal, interval=60) as progress:
        progress.write(terminal, "no end")
        assert terminal.getvalue() == "no end"
    assert terminal.getvalue() == "no end\n"
    with Progress("m.t", terminal, interval=60) as progress:
        progress.write(file, "no end")
    assert file.getvalue() == "no end"


@pytest.mark.parametrize(
    ("text", "name", "tag", "digest"),
    [
        ("a/b:v1", "a/b", "v1", ""),
        ("localhost:5000/a/b:v1", "localhost:5000/a/b", "v1", ""),
        ("a/b@sha256:0f", "a/b", "", "sha256:0f"),
    ],
)
def test_images(text: str, name: str, tag: str, digest: str) -> None:
    made = serialization(text).image_config.default_image
    assert (made.fqn, made.tag, made.digest) == (name, tag, digest)


@pytest.mark.parametrize("text", ["a/b", "localhost:5000/a/b", ":v1", "a:", "@sha256:0f"])
def test_images_without_a_version(text: str) -> None:
    with pytest.raises(UsageError, match="expected NAME:TAG or NAME@DIGEST"):
        serialization(text)
