"""Shell tasks."""

from pathlib import Path

from flytekit import kwtypes
from flytekit.extras.tasks.shell import OutputLocation, ShellTask
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from conformance import EVERYWHERE, Case

# The working directory is the application's in the entrypoint's process: nothing may be written there.
_DIRECTORY = "{ctx.working_directory}"
_SCRIPT_FILE = str(Path(__file__).with_name("script.sh"))

greets = ShellTask(
    name="greets",
    script="""
    set -e
    echo "hello {inputs.name} $FROM_ENV" > {outputs.greeting}
    """,
    inputs=kwtypes(name=str),
    output_locs=[OutputLocation(var="greeting", var_type=FlyteFile, location=f"{_DIRECTORY}/{{inputs.name}}.txt")],
)

copies = ShellTask(
    name="copies",
    script="mkdir -p {outputs.copy} && cp {inputs.file} {outputs.copy}/one && cp {inputs.file} {outputs.copy}/two",
    inputs=kwtypes(file=FlyteFile),
    output_locs=[OutputLocation(var="copy", var_type=FlyteDirectory, location=f"{_DIRECTORY}/copied")],
)

two_outputs = ShellTask(
    name="two_outputs",
    script="echo one > {outputs.first}; echo two > {outputs.second}",
    output_locs=[
        OutputLocation(var="first", var_type=FlyteFile, location=f"{_DIRECTORY}/first.txt"),
        OutputLocation(var="second", var_type=FlyteFile, location=f"{_DIRECTORY}/second.txt"),
    ],
)

silent = ShellTask(name="silent", script="echo only printed; pwd; echo to stderr >&2")
from_file = ShellTask(
    name="from_file",
    script_file=_SCRIPT_FILE,
    output_locs=[OutputLocation(var="result", var_type=FlyteFile, location=f"{_DIRECTORY}/result.txt")],
)
debugged = ShellTask(name="debugged", debug=True, script="true")
fails = ShellTask(name="fails", script="cd /; cd - >/dev/null; echo out; echo err >&2; exit 7")
forgets = ShellTask(
    name="forgets",
    script="true",
    output_locs=[OutputLocation(var="file", var_type=FlyteFile, location=f"{_DIRECTORY}/never.txt")],
)
unknown_shell = ShellTask(name="unknown_shell", script="true", shell="/no/such/shell")


def _file(shared: str) -> dict[str, object]:
    return {"file": f"{shared}/given.txt"}


CASES = [
    Case("greets", {"name": "you"}, env={"FROM_ENV": "from the environment"}, storage=EVERYWHERE),
    Case("copies", _file, files={"given.txt": b"given\n"}, storage=EVERYWHERE),
    Case("two_outputs"),
    Case("silent"),
    Case("from_file"),
    Case("debugged"),
    Case("fails", ends_with="error", meant=("directory-contents",)),
    Case("forgets", ends_with="error"),
    Case("unknown_shell", ends_with="error"),
]
