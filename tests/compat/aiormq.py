"""aiormq's tests, the client below aio-pika."""

from compat.pytest_suite import run_pytest
from compat.suite import Counts, checkout, main, skipped_tests

URL, TAG = "https://github.com/mosquito/aiormq", "6.9.3"


def run(server, files: list[str]) -> Counts:
    directory = checkout("aiormq", URL, TAG)
    words = ["-k", "not amqps"]
    words += [word for test in skipped_tests("aiormq") for word in ("--deselect", test)]
    words += [f"tests/{name}.py" for name in files] or ["tests"]
    return run_pytest(directory, words, AMQP_URL=f"amqp://guest:guest@127.0.0.1:{server.amqp_port}//")


if __name__ == "__main__":
    main("aiormq", run)
