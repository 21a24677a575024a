"""Celery's integration tests with a worker: AMQP as the broker, results in Redis.

Redis as the broker needs Lua scripts (kombu's locks), which are not there yet: it runs only when it is named.
"""

import os
import sys
from pathlib import Path

from compat.pytest_suite import run_pytest
from compat.suite import Counts, adapt, checkout, main, skipped_tests

URL, TAG = "https://github.com/celery/celery", "v5.6.3"
FILES = ["test_tasks", "test_canvas", "test_inspect", "test_worker", "test_security", "test_serialization"]
FILES += ["test_native_delayed_delivery_binding", "test_rabbitmq_quorum_queue_cycle_detection"]
ONLY_AMQP = ["test_native_delayed_delivery_binding", "test_rabbitmq_quorum_queue_cycle_detection"]


def run(server, words: list[str]) -> Counts:
    """`words` may name the broker (amqp, redis) and files."""
    directory = checkout("celery", URL, TAG)
    adapt(
        directory / "t/integration/test_native_delayed_delivery_binding.py",
        {"http://localhost:15672": f"http://127.0.0.1:{server.http_port}"},
    )
    resp = f"redis://127.0.0.1:{server.resp_port}"
    brokers = {"amqp": f"pyamqp://guest:guest@127.0.0.1:{server.amqp_port}//", "redis": f"{resp}/1"}
    counts = Counts()
    skips = [word for test in skipped_tests("celery") for word in ("--deselect", test)]
    for name, broker in brokers.items():
        if name not in (set(words) & set(brokers) or {"amqp"}):
            continue
        files = [file for file in words if file not in brokers] or FILES
        files = [file for file in files if name == "amqp" or file not in ONLY_AMQP]
        counts.add(
            run_pytest(
                directory,
                ["-p", "celery.contrib.pytest"] + skips + [f"t/integration/{file}.py" for file in files],
                test_seconds=300,
                TEST_BROKER=broker,
                TEST_BACKEND=f"{resp}/0",
                REDIS_HOST="127.0.0.1",
                REDIS_PORT=str(server.resp_port),
                # As the project's own runs have them.
                WORKER_LOGLEVEL="INFO",
                PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            )
        )
    return counts


if __name__ == "__main__":
    main("celery", run)
