# What a developer runs; `.ci/run` runs the same in a fresh clone.
#
#   make test     everything that must pass: Rust tests, the crate graph, real clients against the real binary
#   make check    what a change must pass: format, clippy, tests, docs

PYTHON ?= python3
VENV := target/venv
VENV_PIKA0 := target/venv-pika0
PYTEST_WORKERS ?= auto
PYTEST_FLAGS ?=

# A venv is as old as its requirements say, not as its time stamp.
VENV_READY := $(VENV)/ready-$(shell cksum < tests/requirements.txt | tr ' ' '-')
VENV_PIKA0_READY := $(VENV_PIKA0)/ready-$(shell cksum < tests/requirements-pika0.txt | tr ' ' '-')

.PHONY: test check build format-check lint docs arrows rust-test client-test venv

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

venv: $(VENV_READY) $(VENV_PIKA0_READY)

$(VENV_READY):
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	touch $@

$(VENV_PIKA0_READY):
	$(PYTHON) -m venv --clear $(VENV_PIKA0)
	$(VENV_PIKA0)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements-pika0.txt
	touch $@
