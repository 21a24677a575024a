# What a developer runs; `.ci/run` runs the same in a fresh clone.
#
#   make test     everything that must pass: Rust tests, the crate graph, real clients against the real binary
#   make check    what a change must pass: format, clippy, tests, docs
#   make sim      the simulator for MINUTES (10), from SEED on or from a new one each time
#   make bench    our throughput, latency and CPU time beside the peers that are installed, about ten minutes
#   make compat   other projects' test suites (Valkey's, redis-py's, pika's, Celery's, ...), fetched at run time, and
#                 comparisons with redis-server and rabbitmq-server; WARREN_COMPAT_SUITES names a directory of
#                 checkouts instead
#   make fuzz     each fuzz target for FUZZ_SECONDS (60); what it finds is left in fuzz/artifacts/
#   make crash    CRASH_ROUNDS (200) times: load of both protocols, SIGKILL, and a look at what came back
#   make soak     SOAK_MINUTES (30) of steady load of both protocols: what is lost, and what grows

PYTHON ?= python3
VENV := target/venv
VENV_PIKA0 := target/venv-pika0
VENV_COMPAT := target/venv-compat
VENV_COMPAT_AMQP := target/venv-compat-amqp
PYTEST_WORKERS ?= auto
PYTEST_FLAGS ?=
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= resp_decode amqp_decode recovery
CRASH_ROUNDS ?= 200
SOAK_MINUTES ?= 30

# A venv is as old as its requirements say, not as its time stamp.
VENV_READY := $(VENV)/ready-$(shell cksum < tests/requirements.txt | tr ' ' '-')
VENV_PIKA0_READY := $(VENV_PIKA0)/ready-$(shell cksum < tests/requirements-pika0.txt | tr ' ' '-')
VENV_COMPAT_READY := $(VENV_COMPAT)/ready-$(shell cat tests/requirements.txt tests/requirements-compat.txt | cksum | tr ' ' '-')
VENV_COMPAT_AMQP_READY := $(VENV_COMPAT_AMQP)/ready-$(shell cksum < tests/requirements-compat-amqp.txt | tr ' ' '-')

.PHONY: test check build format-check lint docs arrows rust-test client-test bench venv compat sim fuzz fuzz-build crash soak

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

bench: build
	$(PYTHON) bench/run.py

# Every suite runs, and the first failure decides only at the end.
compat: build $(VENV_COMPAT_READY) $(VENV_COMPAT_AMQP_READY)
	cd tests && failed=0; for suite in compat.valkey compat.redis_py compat.pika compat.amqplib compat.lapin \
		"resp.differential --rounds 300" amqp_differential; do \
		../$(VENV_COMPAT)/bin/python -m $$suite || failed=1; \
	done; for suite in compat.aiormq compat.aio_pika compat.py_amqp compat.kombu compat.celery; do \
		../$(VENV_COMPAT_AMQP)/bin/python -m $$suite || failed=1; \
	done; exit $$failed

# What cargo-fuzz asks of the compiler, without cargo-fuzz: libFuzzer's coverage works on the stable toolchain.
FUZZ_TRIPLE := $(shell rustc -vV | sed -n 's/^host: //p')
FUZZ_RUSTFLAGS := --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares

fuzz-build:
	cd fuzz && RUSTFLAGS="$(FUZZ_RUSTFLAGS)" cargo build --release --target $(FUZZ_TRIPLE)

# Every target has its time, and the first failure decides only at the end.
fuzz: fuzz-build
	cd fuzz && failed=0; for target in $(FUZZ_TARGETS); do \
		mkdir -p corpus/$$target artifacts/$$target; \
		target/$(FUZZ_TRIPLE)/release/$$target corpus/$$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 \
			-rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix=artifacts/$$target/ || failed=1; \
	done; exit $$failed

# Stops by itself; its own figures are the rounds, what was acknowledged and what was missing.
crash: build venv
	cd tests && ../$(VENV)/bin/python -m crash --rounds $(CRASH_ROUNDS)

# Stops by itself, too; what it wants of the machine is in docs/testing.md.
soak: build venv
	cd tests && ../$(VENV)/bin/python -m soak --minutes $(SOAK_MINUTES)

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

$(VENV_COMPAT_AMQP_READY):
	$(PYTHON) -m venv --clear $(VENV_COMPAT_AMQP)
	$(VENV_COMPAT_AMQP)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements-compat-amqp.txt
	touch $@
