"""Options and fixtures of all black-box tests.

    pytest                      against target/release/warren (or WARREN_BINARY)
    pytest --server redis       the RESP tests against redis-server (or WARREN_REDIS_SERVER)
    pytest --server rabbitmq    the AMQP tests against rabbitmq-server

Functional tests share one server per worker process (`resp_server`, `amqp_server`); a test that
stops, kills or configures its server asks `new_server` for one of its own.
"""

import os
from pathlib import Path

import pytest

from harness import SERVERS, Redis, Server

REPOSITORY = Path(__file__).resolve().parents[1]

_running: list[Server] = []


def pytest_addoption(parser):
    parser.addoption("--server", choices=sorted(SERVERS), default="warren", help="what the tests talk to")
    parser.addoption("--later", action="store_true", help="run the tests marked `later` and those in not_yet.txt, too")


def not_yet() -> set[str]:
    """Names of tests of what is promised and does not pass against warren yet."""
    lines = (REPOSITORY / "tests" / "not_yet.txt").read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def pytest_collection_modifyitems(config, items):
    kind = config.getoption("--server")
    unfinished = not_yet() if kind == "warren" and not config.getoption("--later") else set()
    for item in items:
        if item.nodeid in unfinished:
            item.add_marker(pytest.mark.skip(reason="does not pass yet, see tests/not_yet.txt"))
        if item.get_closest_marker("later") and not config.getoption("--later"):
            item.add_marker(pytest.mark.skip(reason="not promised yet; --later runs it"))
        if kind != "warren" and item.get_closest_marker("warren_only"):
            item.add_marker(pytest.mark.skip(reason=f"not a promise of {kind}"))
        if item.get_closest_marker("peers") and not Redis.is_installed():
            item.add_marker(pytest.mark.skip(reason="redis-server is not installed"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of the log of every server that runs."""
    report = yield
    if report.failed:
        for server in _running:
            state = "" if server.is_running() else f" (ended with {server.process and server.process.returncode})"
            report.sections.append((f"log of {server.name}{state}", server.log_tail()))
    return report


@pytest.fixture(scope="session")
def server_kind(request) -> str:
    return request.config.getoption("--server")


@pytest.fixture(scope="session")
def shared_server(server_kind, tmp_path_factory):
    """The one server of this worker process that functional tests share."""
    server = SERVERS[server_kind](tmp_path_factory.mktemp("shared"))
    _running.append(server)
    server.start()
    yield server
    _running.remove(server)
    server.close()


@pytest.fixture
def resp_server(shared_server):
    return _speaking("resp_port", shared_server)


@pytest.fixture
def amqp_server(shared_server):
    return _speaking("amqp_port", shared_server)


def _speaking(port_name, server):
    if not hasattr(server, port_name):
        pytest.skip(f"{server.name} has no {port_name}")
    if not server.is_running():
        # One crash must fail the test that caused it, and not hide what the others would say.
        server.start()
    return server


@pytest.fixture
def new_server(server_kind, tmp_path):
    """`new_server(appendfsync="always")` starts a server of this test's own; `start=False` only prepares it."""
    servers = []

    def make(start: bool = True, **options):
        server = SERVERS[server_kind](tmp_path / f"server-{len(servers)}", **options)
        servers.append(server)
        _running.append(server)
        return server.start() if start else server

    yield make
    for server in servers:
        _running.remove(server)
        server.close()


@pytest.fixture(scope="session")
def pika0_python() -> Path:
    """The interpreter whose pika is 0.13.1: programs for it run as scripts of their own."""
    path = Path(os.environ.get("WARREN_PIKA0_PYTHON", REPOSITORY / "target/venv-pika0/bin/python"))
    if not path.exists():
        pytest.skip("target/venv-pika0 is not there: `make target/venv-pika0` installs it")
    return path
