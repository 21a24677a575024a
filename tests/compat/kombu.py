"""kombu's integration tests, over AMQP and over Redis."""

from compat.pytest_suite import run_pytest
from compat.suite import Counts, checkout, main, skipped_tests

URL, TAG = "https://github.com/celery/kombu", "v5.6.2"
FILES = {"test_py_amqp": "amqp_port", "test_redis": "resp_port"}


def run(server, files: list[str]) -> Counts:
    directory = checkout("kombu", URL, TAG)
    # The tests for other transports would be collected, too, and look for their servers.
    files = [name for name, port in FILES.items() if hasattr(server, port) and name in (files or FILES)]
    words = [word for test in skipped_tests("kombu") for word in ("--deselect", test)]
    words += [f"t/integration/{name}.py" for name in files]
    return run_pytest(
        directory,
        words,
        RABBITMQ_HOST="127.0.0.1",
        RABBITMQ_5672_TCP=str(getattr(server, "amqp_port", 0)),
        REDIS_HOST="127.0.0.1",
        REDIS_6379_TCP=str(getattr(server, "resp_port", 0)),
    )


if __name__ == "__main__":
    main("kombu", run)
