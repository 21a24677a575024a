"""One client's large work leaves another's PING quick. The bounds are wide: the machines are shared."""

import multiprocessing
import statistics
import threading
import time

import pytest
from harness.resp import Connection, encode

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

# Cut into steps, each of these leaves others waiting for less than 20 ms; noise is given as much again.
PING_SECONDS_P99_MAX = 0.04


class Pinger:
    """Measures PING after PING from a process of its own, so that what this one does with large values does not
    count, until it is stopped."""

    def __init__(self, port: int):
        context = multiprocessing.get_context("fork")
        self.told, telling = context.Pipe(duplex=False)
        self.stopped = context.Event()
        self.process = context.Process(target=self._measure, args=(port, telling), daemon=True)
        self.latencies: list[float] = []

    def _measure(self, port: int, telling) -> None:
        latencies = []
        with Connection(port, timeout=60) as connection:
            connection.command("PING")
            telling.send("ready")
            while not self.stopped.is_set():
                start = time.monotonic()
                connection.command("PING")
                latencies.append(time.monotonic() - start)
                time.sleep(0.001)
        telling.send(latencies)

    def __enter__(self):
        self.process.start()
        assert self.told.recv() == "ready"
        return self

    def __exit__(self, *_exception):
        self.stopped.set()
        self.latencies = self.told.recv()
        self.process.join()

    def p99(self) -> float:
        return statistics.quantiles(self.latencies, n=100)[98]


@pytest.fixture
def server(new_server):
    return new_server()


@pytest.mark.warren_only
def test_a_value_of_100_megabytes(server):
    value = b"x" * (100 << 20)
    with Connection(server.resp_port, timeout=60) as connection, Pinger(server.resp_port) as pinger:
        for _ in range(3):
            assert connection.command("SET", "big", value).value == "OK"
            assert len(connection.command("GET", "big").value) == len(value)
    assert pinger.p99() < PING_SECONDS_P99_MAX


@pytest.mark.warren_only
def test_a_pipeline_of_100000_commands(server):
    commands = b"".join(encode("SET", f"k{number}", "v") for number in range(100_000))
    with Connection(server.resp_port, timeout=60) as connection, Pinger(server.resp_port) as pinger:
        sender = threading.Thread(target=connection.send_bytes, args=(commands,))
        sender.start()
        for _ in range(100_000):
            assert connection.read().value == "OK"
        sender.join()
    assert pinger.p99() < PING_SECONDS_P99_MAX
