"""The log's disk fails, or is watched: what is acknowledged has been synced, and a failing disk ends the server."""

import errno
import os
import signal
import threading
import time

import pytest
import redis
from harness.preload import library
from harness.resp import Connection, wait_until

pika = pytest.importorskip("pika")

pytestmark = pytest.mark.warren_only


def publisher_of(server):
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.amqp_port))
    channel = connection.channel()
    channel.queue_declare("q", durable=True)
    channel.confirm_delivery()
    return channel


class Syncs:
    """What the server has synced, as its preloaded library noted it."""

    def __init__(self, path):
        self.path = path

    def all(self) -> list[tuple[str, float, float, str]]:
        rows = []
        for line in self.path.read_text().splitlines() if self.path.exists() else []:
            call, begun, ended, file = line.split(" ", 3)
            rows.append((call, int(begun) / 1e9, int(ended) / 1e9, file))
        return rows

    def of_records(self, since: float, until: float) -> int:
        """Syncs of a segment that lie wholly between the two moments."""
        return sum(call == "fdatasync" and begun >= since and ended <= until for call, begun, ended, _ in self.all())


@pytest.fixture
def watched_server(new_server, tmp_path):
    def make(appendfsync: str, **options):
        server = new_server(start=False, appendfsync=appendfsync, **options)
        server.syncs = Syncs(tmp_path / "syncs.txt")
        server.extra_environment = {"LD_PRELOAD": str(library("sync_log")), "SYNC_LOG": str(server.syncs.path)}
        return server.start()

    return make


def test_with_always_a_sync_lies_between_each_write_and_its_reply(watched_server):
    server = watched_server("always")
    with Connection(server.resp_port) as connection:
        for number in range(20):
            start = time.monotonic()
            connection.command("SET", f"k{number}", "v")
            assert server.syncs.of_records(start, time.monotonic()) >= 1
        start = time.monotonic()
        for number in range(20):
            connection.command("GET", f"k{number}")
        assert server.syncs.of_records(start, time.monotonic()) == 0, "what is read has been synced before"


def test_a_sync_lies_between_each_persistent_message_and_its_confirm(watched_server):
    server = watched_server("no")
    channel = publisher_of(server)
    for _ in range(20):
        start = time.monotonic()
        channel.basic_publish("", "q", b"x", pika.BasicProperties(delivery_mode=2))
        assert server.syncs.of_records(start, time.monotonic()) >= 1
    channel.connection.close()


def test_a_pipeline_shares_a_sync(watched_server):
    server = watched_server("always")
    with redis.Redis(port=server.resp_port) as client:
        client.ping()
        start = time.monotonic()
        pipeline = client.pipeline(transaction=False)
        for number in range(500):
            pipeline.set(f"k{number}", number)
        pipeline.execute()
        assert 1 <= server.syncs.of_records(start, time.monotonic()) <= 10


@pytest.mark.parametrize("appendfsync, at_least, at_most", [("everysec", 1, 5), ("no", 0, 0)])
def test_who_does_not_wait_has_its_syncs_once_a_second_or_never(watched_server, appendfsync, at_least, at_most):
    server = watched_server(appendfsync)
    start = time.monotonic()
    with redis.Redis(port=server.resp_port) as client:
        while time.monotonic() < start + 2.5:
            client.set("k", "v")
    assert at_least <= server.syncs.of_records(start, time.monotonic()) <= at_most


def test_config_set_appendfsync_reaches_the_syncing_thread(watched_server):
    server = watched_server("no")
    start = time.monotonic()
    count = lambda: server.syncs.of_records(start, time.monotonic())  # noqa: E731
    with redis.Redis(port=server.resp_port) as client:
        client.set("k", "v")
        time.sleep(1.2)
        assert count() == 0
        client.config_set("appendfsync", "everysec")
        wait_until(lambda: count() > 0, 5, "the sync of everysec")
        client.config_set("appendfsync", "no")
        time.sleep(1.2)
        before = count()
        client.set("k", "w")
        time.sleep(1.5)
        assert count() == before


def test_a_new_segment_and_its_name_are_synced_before_records_are(watched_server):
    """A file whose name the directory may forget holds nothing that was acknowledged."""
    server = watched_server("always")
    with redis.Redis(port=server.resp_port) as client:
        for number in range(5):
            client.set(f"k{number}", os.urandom(16 << 20))
    synced_files, named_files = set(), set()
    for call, _, _, file in server.syncs.all():
        is_segment = file.startswith(f"{server.data_dir}/log-")
        if call == "fsync" and file == str(server.data_dir):
            named_files |= synced_files
        elif call == "fdatasync" and is_segment and file not in synced_files:
            # The first sync of a segment is that of its header; records follow.
            synced_files.add(file)
        elif call == "fdatasync" and is_segment:
            assert file in named_files, f"records in {file} were synced before its name was"
    assert len(named_files) >= 2


@pytest.mark.parametrize("appendfsync", ["always", "everysec"])
@pytest.mark.parametrize(
    ("failing_call", "error"),
    [
        ("pwritev", errno.EIO),
        ("fdatasync", errno.EIO),
        # As on a file system that was remounted read-only.
        ("pwritev", errno.EROFS),
    ],
)
def test_a_failing_disk_ends_the_server_and_nothing_acknowledged_is_lost(new_server, failing_call, error, appendfsync):
    server = new_server(start=False, appendfsync=appendfsync)
    server.extra_environment = {
        "LD_PRELOAD": str(library("failing_disk")),
        "FAILING_CALL": failing_call,
        "FAILING_ERROR": str(error),
    }
    server.start()
    publisher_of(server).connection.close()
    said_before = server.log()
    acknowledged, confirmed = [], []
    clients = [
        threading.Thread(target=_write_until_the_end, args=(server.resp_port, acknowledged)),
        threading.Thread(target=_publish_until_the_end, args=(server, confirmed)),
    ]
    for client in clients:
        client.start()
    wait_until(lambda: len(acknowledged) > 20 and len(confirmed) > 20, 20, "load")
    os.kill(server.pid, signal.SIGUSR1)
    assert server.process.wait(10) == 1, server.log_tail()
    for client in clients:
        client.join()
    complaints = server.log()[len(said_before) :].splitlines()
    assert len(complaints) == 1 and "fatal" in complaints[0], complaints
    assert {"pwritev": "write", "fdatasync": "sync"}[failing_call] in complaints[0]
    assert f"os error {error}" in complaints[0]

    server.extra_environment = {}
    server.start()
    with redis.Redis(port=server.resp_port) as client:
        assert client.llen("l") >= len(acknowledged)
        assert [int(number) for number in client.lrange("l", 0, len(acknowledged) - 1)] == acknowledged
    channel = publisher_of(server)
    found = []
    while (got := channel.basic_get("q", auto_ack=True))[0] is not None:
        found.append(int(got[2]))
    assert found[: len(confirmed)] == confirmed
    channel.connection.close()


def _write_until_the_end(port: int, acknowledged: list[int]) -> None:
    with redis.Redis(port=port, retry=None) as client:
        try:
            for number in range(1_000_000):
                client.rpush("l", number)
                acknowledged.append(number)
        except (redis.RedisError, OSError):
            pass


def _publish_until_the_end(server, confirmed: list[int]) -> None:
    channel = publisher_of(server)
    try:
        for number in range(1_000_000):
            channel.basic_publish("", "q", b"%d" % number, pika.BasicProperties(delivery_mode=2))
            confirmed.append(number)
    except (pika.exceptions.AMQPError, OSError):
        pass
