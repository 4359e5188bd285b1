"""Generates the stubs of proto/ with grpcio-tools; with --check compares them with what is committed.

Flyte's own messages and google.rpc.Status come from a descriptor set made of the installed packages, so none of their
.proto files is kept here. The generator is old on purpose (scripts/constraints-proto.txt): code of a newer one refuses
to load with the oldest protobuf that the supported flytekit allows.
"""

from __future__ import annotations

import argparse
import filecmp
import importlib
import pkgutil
import subprocess
import sys
import tempfile
from pathlib import Path

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent / "proto"


def _imported_descriptors() -> FileDescriptorSet:
    """All files of flyteidl.core and google.rpc's status, with what they import, dependencies first."""
    import flyteidl.core
    from google.rpc import status_pb2

    result, seen = FileDescriptorSet(), set()

    def add(file: FileDescriptor) -> None:
        if file.name in seen:
            return
        seen.add(file.name)
        for dependency in file.dependencies:
            add(dependency)
        file.CopyToProto(result.file.add())

    for module in pkgutil.iter_modules(flyteidl.core.__path__):
        if module.name.endswith("_pb2"):
            add(importlib.import_module(f"flyteidl.core.{module.name}").DESCRIPTOR)
    add(status_pb2.DESCRIPTOR)
    return result


def _protoc(descriptors: Path, *outputs: str) -> None:
    files = [str(path.relative_to(ROOT)) for path in sorted(ROOT.rglob("*.proto"))]
    arguments = ["protoc", f"-I{ROOT}", f"--descriptor_set_in={descriptors}", *outputs, *files]
    if protoc.main(arguments) != 0:
        sys.exit("protoc failed")


def _generate(descriptors: Path, target: Path) -> None:
    _protoc(descriptors, f"--python_out={target}", f"--pyi_out={target}", f"--grpc_python_out={target}")
    for stub in target.rglob("*_pb2_grpc.py"):
        if "class " not in stub.read_text():
            stub.unlink()  # a file without a service needs no service stub


def _differences(generated: Path) -> list[str]:
    fresh = {path.relative_to(generated) for path in generated.rglob("*_pb2*")}
    committed = {path.relative_to(ROOT) for path in ROOT.rglob("*_pb2*") if path.suffix in (".py", ".pyi")}
    changed = {path for path in fresh & committed if not filecmp.cmp(generated / path, ROOT / path, shallow=False)}
    return sorted(str(path) for path in (fresh ^ committed) | changed)


def _lint(descriptors: Path, buf: str, scratch: Path) -> None:
    image = scratch / "image.binpb"
    _protoc(descriptors, f"--descriptor_set_out={image}", "--include_source_info", "--include_imports")
    command = [buf, "lint", str(image), "--config", str(ROOT / "buf.yaml")]
    if subprocess.run(command, check=False).returncode != 0:
        sys.exit("buf lint failed")


def main() -> None:
    """Runs the command line; exits 1 when --check finds a difference or the lint a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    parser.add_argument("--lint", metavar="BUF", help="also lint with this buf executable")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch_name:
        scratch = Path(scratch_name)
        descriptors = scratch / "imported.binpb"
        descriptors.write_bytes(_imported_descriptors().SerializeToString())
        if options.lint:
            _lint(descriptors, options.lint, scratch)
        if not options.check:
            _generate(descriptors, ROOT)
            return
        generated = scratch / "generated"
        generated.mkdir()
        _generate(descriptors, generated)
        if stale := _differences(generated):
            sys.exit(f"generated code differs from proto/, run `make proto`: {', '.join(stale)}")


if __name__ == "__main__":
    main()
