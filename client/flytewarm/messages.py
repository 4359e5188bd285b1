"""One line out of an error message that holds tracebacks."""

from __future__ import annotations

# flytekit ends its error messages with what the exception says, after the traceback.
_MESSAGE = "\nMessage:\n"


def summary(message: str) -> str:
    """What an error message of Flyte says in one line: its exception and that one's text, without the traceback."""
    lines = [line.strip() for line in message.rpartition(_MESSAGE)[2].splitlines() if line.strip()]
    if not lines:
        return ""
    # A line with a colon at its end announces what comes; flytekit puts the reason last.
    return f"{lines[0]} {lines[-1]}" if lines[0].endswith(":") and len(lines) > 1 else lines[0]


def without_class(line: str) -> str:
    """A summary without the name of the exception's class before it."""
    name, colon, text = line.partition(": ")
    return text if colon and name.replace(".", "_").isidentifier() else line


def last_exception(traceback: str) -> str:
    """The line of a traceback that names the exception. Frames are indented, the exception is not."""
    lines = traceback.rstrip().splitlines()
    frames = [number for number, line in enumerate(lines) if line.startswith(" ")]
    after = lines[frames[-1] + 1 :] if frames else lines
    return (after or lines[-1:] or [""])[0].strip()
