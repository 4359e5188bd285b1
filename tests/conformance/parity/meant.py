"""Differences between a warm and a cold execution that are meant, each with its reason (docs/parity.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Meant:
    """Makes both runs' texts alike where they are meant to differ."""

    reason: str
    #: What is replaced by nothing in both texts.
    pattern: str
    #: Which document the warm execution ends with, where that is what differs.
    ends_with: str = ""

    def mask(self, text: str) -> str:
        """A run's text without what may differ."""
        return re.sub(self.pattern, "", text, flags=re.MULTILINE)


# All of it, and the exit status: the cold process ends in the middle, with no document.
_DOCUMENT = r"^exit status \d+|\n--- outputs/error\.pb\n\{[\s\S]*?\n\}$"

MEANT: dict[str, Meant] = {
    "process-ends": Meant(
        "SystemExit, KeyboardInterrupt and their like end the entrypoint's process without a document. Here every"
        " execution ends with an outcome and an error document; the worker serves on.",
        _DOCUMENT,
        ends_with="error",
    ),
    "error-without-code": Meant(
        "An error_code of the user's exception that is neither text nor a number ends the entrypoint's process without"
        " a document. Here the document has the code of exceptions that have none.",
        _DOCUMENT,
        ends_with="error",
    ),
    "error-without-text": Meant(
        "A message with lone surrogates, as names of files can have, ends the entrypoint's process without a document:"
        " protobuf refuses it. Here they are written as escapes.",
        _DOCUMENT,
        ends_with="error",
    ),
    "no-resolver": Meant(
        "A resolver that cannot be loaded ends the entrypoint's process without a document. Here it is the user's"
        " error, as a task that cannot be loaded.",
        _DOCUMENT,
        ends_with="error",
    ),
    "error-without-time": Meant(
        "An exception that breaks when it is asked for its time, as some of flytekit's do, ends the entrypoint's"
        " process without a document. Here the document has the time at which the execution ended.",
        _DOCUMENT,
        ends_with="error",
    ),
    "directory-contents": Meant(
        "A shell task that fails lists the working directory. Here that is the execution's own, with copies of and"
        " links to the application's entries: their order is another.",
        r"Current directory contents: [\s\S]*?StdOut",
    ),
    "no-task": Meant(
        "What the loader names is no task: the entrypoint stumbles over a missing attribute and reports a fault of the"
        " system, to be tried again. Here it is the user's error, and says so.",
        _DOCUMENT,
    ),
    "grpc-verbosity": Meant(
        "The command `flytewarm serve` silences remarks of gRPC's core, and tasks inherit its environment.",
        r'^  \\"GRPC_VERBOSITY=NONE\\",\n',
    ),
    "filters-of-libraries": Meant(
        "Libraries that have Python ignore warnings do so once, when they are imported: numpy ahead of all tasks, so"
        " that its generator is known before their modules may seed it; botocore with the worker's first task that"
        " uses S3.",
        r'^  \\".*(numpy|InsecurePlatformWarning).*\\",\n',
    ),
    "code-directory-on-path": Meant(
        "Modules are imported once, from the directory of the code; the working directory, which the entrypoint has on"
        " sys.path, is each execution's own and comes after it.",
        r'^  \\"\{cwd\}\\",\n(?=  \\"\{cwd\}\\")',
    ),
}
