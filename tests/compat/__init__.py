"""Other projects' own test suites, run against a server that the harness starts.

    cd tests && ../target/venv-compat/bin/python -m compat.valkey     Valkey's Tcl tests, external mode
    cd tests && ../target/venv-compat/bin/python -m compat.redis_py   redis-py's tests
    cd tests && ../target/venv-compat/bin/python -m compat.pika       pika's acceptance tests
    cd tests && ../target/venv-compat/bin/python -m compat.amqplib    amqplib's tests (Node)
    cd tests && ../target/venv-compat/bin/python -m compat.lapin      lapin's tests (Rust)

    cd tests && ../target/venv-compat-amqp/bin/python -m compat.aiormq     and so compat.aio_pika, compat.py_amqp,
                                                                           compat.kombu, compat.celery

`--server redis` (or rabbitmq) shows what the peer itself passes. The suites are fetched when they are
run and never become part of this repository; WARREN_COMPAT_SUITES names a directory with checkouts or
bare repositories for machines that reach no git host. `skips/` lists the tests left out, each with its
reason.
"""
