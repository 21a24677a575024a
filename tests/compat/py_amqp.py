"""py-amqp's integration tests: the client that kombu and Celery speak with."""

from compat.pytest_suite import run_pytest
from compat.suite import Counts, checkout, main, skipped_tests

URL, TAG = "https://github.com/celery/py-amqp", "v5.3.1"


def run(server, files: list[str]) -> Counts:
    directory = checkout("py-amqp", URL, TAG)
    words = ["-E", "rabbitmq", "-k", "not tls"]
    words += [word for test in skipped_tests("py_amqp") for word in ("--deselect", test)]
    words += [f"t/integration/{name}.py" for name in files] or ["t/integration"]
    return run_pytest(directory, words, RABBITMQ_HOST="127.0.0.1", RABBITMQ_5672_TCP=str(server.amqp_port))


if __name__ == "__main__":
    main("py-amqp", run)
