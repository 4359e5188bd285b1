# Targets for people: install, demo, test, check, proto, bench. Everything is made in .venv* beside this file.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
# flytekit 1.x needs Python 3.10 to 3.12. The first interpreter that runs and fits is taken; PYTHON=... overrides it.
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.10; do $$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$p && break; done)
# Which part of the cases conformance-oldest runs: 1 for all of them.
EVERY ?= 1
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

.PHONY: install demo test load soak fuzz check proto parity conformance conformance-oldest bench bench-quick clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "flytewarm needs Python 3.10, 3.11 or 3.12 (flytekit does); set PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP_INSTALL) --constraint constraints.txt --editable '.[dev]'
	@touch $@

# Code generation has an environment of its own: the generator of the oldest protobuf that flytekit allows cannot
# live beside a current protobuf.
.venv-proto/.installed: scripts/constraints-proto.txt
	$(PYTHON) -m venv .venv-proto
	.venv-proto/bin/python $(PIP_INSTALL) --requirement scripts/constraints-proto.txt
	@touch $@

# The oldest protobuf that flyteidl allows, to show that the generated code loads with it. Without dependency
# resolution: googleapis-common-protos skips that version for faults that do not concern us.
.venv-oldest/.installed: scripts/constraints-oldest.txt
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python $(PIP_INSTALL) --no-deps --requirement scripts/constraints-oldest.txt
	@touch $@

# The oldest flytekit that is supported, with what it brings along.
.venv-flytekit-1.15/.installed: pyproject.toml scripts/constraints-flytekit-1.15.txt
	$(PYTHON) -m venv .venv-flytekit-1.15
	.venv-flytekit-1.15/bin/python $(PIP_INSTALL) --constraint scripts/constraints-flytekit-1.15.txt --editable '.[dev]'
	@touch $@

# The peers that the benchmarks compare with; also flytewarm, so that all of them run on the same packages.
.venv-bench/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python $(PIP_INSTALL) --constraint constraints.txt --editable '.[bench]'
	@touch $@

proto: .venv-proto/.installed
	.venv-proto/bin/python scripts/generate_proto.py

parity: install
	$(BIN)/python scripts/generate_parity.py

demo: install
	$(BIN)/python examples/demo.py

# The worker's unit tests fork the process that runs them: in one of their own, where no other test has gRPC's threads
# at work, whose locks a child would wait for.
test: install
	$(BIN)/python -m pytest tests/unit/worker --numprocesses 2 --dist loadfile
	$(BIN)/python -m pytest --ignore tests/unit/worker --every 25 --numprocesses 2 --dist loadfile

# Every case of tests/conformance, with the newest flytekit and with the oldest; `make test` runs a sample.
conformance: install
	$(BIN)/python -m pytest tests/conformance

conformance-oldest: .venv-flytekit-1.15/.installed
	.venv-flytekit-1.15/bin/python -m pytest tests/conformance/test_conformance.py --every $(EVERY)

# What the checks run in short form: 10,000 executions with workers and zygotes killed, 50,000 for memory and descriptors,
# and 100,000 requests, 10,000 archives and 2,000 frames of a worker that are made at random.
soak load: install
	$(BIN)/python -m pytest tests/faults/test_$@.py --full --timeout 3600

fuzz: install
	$(BIN)/python -m pytest tests/faults -k fuzz --full --timeout 3600

check: install .venv-proto/.installed .venv-oldest/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/generate_docs.py --check
	.venv-proto/bin/python scripts/generate_proto.py --check --lint $(BIN)/buf
	.venv-oldest/bin/python scripts/load_with_oldest_protobuf.py

# Celery is measured where a redis-server is installed.
bench: .venv-bench/.installed
	.venv-bench/bin/python benchmarks/main.py

bench-quick: .venv-bench/.installed
	.venv-bench/bin/python benchmarks/main.py --quick

clean:
	rm -rf .venv .venv-proto .venv-oldest .venv-flytekit-1.15 .venv-bench build
