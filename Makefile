# What a developer runs; `.ci/run` runs the same in a fresh clone.
#
#   make test     everything that must pass: Rust tests, the crate graph, real clients against the real binary
#   make check    what a change must pass: format, clippy, tests, docs
#   make sim      the simulator for MINUTES (10), from SEED on or from a new one each time
#   make compat   other projects' test suites (Valkey's, redis-py's, pika's), fetched at run time, and a long
#                 comparison with redis-server; WARREN_COMPAT_SUITES names a directory of checkouts instead

PYTHON ?= python3
VENV := target/venv
VENV_PIKA0 := target/venv-pika0
VENV_COMPAT := target/venv-compat
PYTEST_WORKERS ?= auto
PYTEST_FLAGS ?=

# A venv is as old as its requirements say, not as its time stamp.
VENV_READY := $(VENV)/ready-$(shell cksum < tests/requirements.txt | tr ' ' '-')
VENV_PIKA0_READY := $(VENV_PIKA0)/ready-$(shell cksum < tests/requirements-pika0.txt | tr ' ' '-')
VENV_COMPAT_READY := $(VENV_COMPAT)/ready-$(shell cat tests/requirements.txt tests/requirements-compat.txt | cksum | tr ' ' '-')

.PHONY: test check build format-check lint docs arrows rust-test client-test venv compat sim

test: arrows rust-test client-test

check: format-check lint test docs

build:
	cargo build --release --locked

format-check:
	cargo fmt --all -- --check

lint:
	cargo clippy --workspace --all-targets --locked -- -D warnings

docs:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

arrows:
	$(PYTHON) tests/arrows.py

# nextest runs every test in a process of its own, and in parallel; without it cargo's own runner does.
rust-test:
	@if cargo nextest --version >/dev/null 2>&1; then \
		set -x; cargo nextest run --workspace --locked --no-tests=pass && cargo test --workspace --locked --doc; \
	else \
		set -x; cargo test --workspace --locked; \
	fi

client-test: build venv
	$(VENV)/bin/python -m pytest tests -n $(PYTEST_WORKERS) $(PYTEST_FLAGS)

MINUTES ?= 10
SEED ?= $(shell date +%s)

sim:
	cargo run --locked -p warren-sim --profile quick -- --seed $(SEED) --minutes $(MINUTES)

# Every suite runs, and the first failure decides only at the end.
compat: build $(VENV_COMPAT_READY)
	cd tests && failed=0; for suite in compat.valkey compat.redis_py compat.pika "resp.differential --rounds 300"; do \
		../$(VENV_COMPAT)/bin/python -m $$suite || failed=1; \
	done; exit $$failed

venv: $(VENV_READY) $(VENV_PIKA0_READY)

$(VENV_READY):
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	touch $@

$(VENV_PIKA0_READY):
	$(PYTHON) -m venv --clear $(VENV_PIKA0)
	$(VENV_PIKA0)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements-pika0.txt
	touch $@

$(VENV_COMPAT_READY):
	$(PYTHON) -m venv --clear $(VENV_COMPAT)
	$(VENV_COMPAT)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements-compat.txt
	touch $@
