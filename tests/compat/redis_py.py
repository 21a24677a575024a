"""redis-py's own tests, those that need one plain server."""

from compat.pytest_suite import run_pytest
from compat.suite import Counts, checkout, main, skipped_tests

URL, TAG = "https://github.com/redis/redis-py", "v8.1.0"
FILES = ["commands", "pipeline", "pubsub", "lock", "connection", "connection_pool", "encoding", "multiprocessing"]
FILES += ["data_structure", "monitor"]


def run(server, files: list[str]) -> Counts:
    directory = checkout("redis-py", URL, TAG)
    words = ["--redis-url", f"redis://localhost:{server.resp_port}/0"]
    # Its warning filters name a class of `coverage`, which pytest looks for anew in every test.
    words += ["-o", "filterwarnings="]
    # Clusters, modules and other machines are not what these tests are run for here.
    words += ["-m", "not onlycluster and not redismod and not experimental and not cp_integration"]
    words += [word for test in skipped_tests("redis_py") for word in ("--deselect", test)]
    return run_pytest(directory, words + [f"tests/test_{name}.py" for name in files or FILES])


if __name__ == "__main__":
    main("redis-py", run)
