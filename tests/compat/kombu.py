"""kombu's integration tests, over AMQP and over Redis."""

from compat.pytest_suite import run_pytest
from compat.suite import Counts, checkout, main, skipped_tests

URL, TAG = "https://github.com/celery/kombu", "v5.6.2"
# File, kombu's name of the environment it needs, and the server's port.
FILES = [("test_py_amqp", "py-amqp", "amqp_port"), ("test_redis", "redis", "resp_port")]


def run(server, files: list[str]) -> Counts:
    directory = checkout("kombu", URL, TAG)
    counts = Counts()
    for name, environment, port in FILES:
        if (files and name not in files) or not hasattr(server, port):
            continue
        words = ["-E", environment, f"t/integration/{name}.py"]
        words += [word for test in skipped_tests("kombu") for word in ("--deselect", test)]
        counts.add(
            run_pytest(
                directory,
                words,
                RABBITMQ_HOST="127.0.0.1",
                RABBITMQ_5672_TCP=str(getattr(server, "amqp_port", 0)),
                REDIS_HOST="127.0.0.1",
                REDIS_6379_TCP=str(getattr(server, "resp_port", 0)),
            )
        )
    return counts


if __name__ == "__main__":
    main("kombu", run)
