"""pika's acceptance tests."""

from compat.pytest_suite import run_pytest
from compat.suite import Counts, adapt, checkout, main, skipped_tests

URL, TAG = "https://github.com/pika/pika", "1.4.4"
FILES = ["blocking_adapter_test", "async_adapter_tests", "enforce_one_basicget_test", "twisted_adapter_tests"]


def run(server, files: list[str]) -> Counts:
    directory = checkout("pika", URL, TAG)
    port = str(server.amqp_port)
    adapt(directory / "tests/acceptance/blocking_adapter_test.py", {"'port': 5672": f"'port': {port}"})
    adapt(directory / "tests/base/async_test_base.py", {"port=5672": f"port={port}"})
    words = [word for test in skipped_tests("pika") for word in ("--deselect", test)]
    return run_pytest(directory, words + [f"tests/acceptance/{name}.py" for name in files or FILES])


if __name__ == "__main__":
    main("pika", run)
