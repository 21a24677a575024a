"""Nobody reads what a crash takes back: on a disk whose sync is slow, whoever could have seen a write waits for it."""

import statistics
import threading
import time

import pytest
from harness.preload import library
from harness.resp import Connection, encode, render

pytestmark = pytest.mark.warren_only

SYNC_SECONDS = 0.4
# What a reply may come early, for the sync may have begun before the clock was read.
EARLY_SECONDS = 0.05


@pytest.fixture
def slow_server(new_server):
    def make(appendfsync: str, sync_seconds: float = SYNC_SECONDS, **options):
        server = new_server(start=False, appendfsync=appendfsync, **options)
        server.extra_environment = {
            "LD_PRELOAD": str(library("slow_sync")),
            "SLOW_SYNC_MILLIS": str(int(sync_seconds * 1000)),
        }
        return server.start()

    return make


@pytest.fixture
def connect():
    opened = []

    def make(server) -> Connection:
        opened.append(Connection(server.resp_port))
        return opened[-1]

    yield make
    for connection in opened:
        connection.close()


def seconds_until(connection: Connection, start: float) -> tuple[str, float]:
    reply = render(connection.read())
    return reply, time.monotonic() - start


def test_a_write_with_always_is_answered_after_the_sync(slow_server, connect):
    writer = connect(slow_server("always"))
    start = time.monotonic()
    writer.send("SET", "k", "v")
    reply, waited = seconds_until(writer, start)
    assert reply == "+OK" and waited >= SYNC_SECONDS - EARLY_SECONDS


@pytest.mark.parametrize("appendfsync", ["everysec", "no"])
def test_a_write_without_always_does_not_wait(slow_server, connect, appendfsync):
    writer = connect(slow_server(appendfsync))
    start = time.monotonic()
    for number in range(20):
        writer.command("SET", f"k{number}", "v")
    assert time.monotonic() - start < SYNC_SECONDS / 2


@pytest.mark.parametrize(
    "read, expected",
    [
        (encode("GET", "k"), ['"v"']),
        (encode("EXISTS", "k"), ["1"]),
        (encode("LPUSH", "k", "x"), ["-WRONGTYPE Operation against a key holding the wrong kind of value"]),
        (encode("SETNX", "k", "other"), ["0"]),
        (encode("MULTI") + encode("GET", "k") + encode("EXEC"), ["+OK", "+QUEUED", '["v"]']),
    ],
    ids=["GET", "EXISTS", "an error", "SETNX", "EXEC"],
)
def test_another_client_sees_it_only_after_the_sync(slow_server, connect, read, expected):
    server = slow_server("always")
    writer, reader = connect(server), connect(server)
    start = time.monotonic()
    writer.send("SET", "k", "v")
    wait_until_visible_to_the_engine()
    reader.send_bytes(read)
    for line in expected[:-1]:
        assert render(reader.read()) == line
    reply, waited = seconds_until(reader, start)
    assert reply == expected[-1]
    assert waited >= SYNC_SECONDS - EARLY_SECONDS


@pytest.mark.parametrize(
    "waiting, write, expected",
    [
        (["BLPOP", "k", "0"], ["RPUSH", "k", "v"], '["k", "v"]'),
        (["BZPOPMIN", "k", "0"], ["ZADD", "k", "1", "v"], '["k", "v", "1"]'),
    ],
    ids=["BLPOP", "BZPOPMIN"],
)
def test_who_is_woken_by_a_write_is_told_after_the_sync(slow_server, connect, waiting, write, expected):
    server = slow_server("always")
    blocked, writer = connect(server), connect(server)
    blocked.send(*waiting)
    time.sleep(0.05)
    start = time.monotonic()
    writer.send(*write)
    reply, waited = seconds_until(blocked, start)
    assert reply == expected
    assert waited >= SYNC_SECONDS - EARLY_SECONDS


def seconds_of(connection: Connection, *words) -> float:
    start = time.monotonic()
    reply = connection.command(*words)
    assert not reply.is_error, reply
    return time.monotonic() - start


def test_config_set_appendfsync_counts_from_the_next_command_on(slow_server, connect):
    server = slow_server("everysec")
    one, other = connect(server), connect(server)
    assert seconds_of(one, "SET", "k", "1") < SYNC_SECONDS / 2
    one.command("CONFIG", "SET", "appendfsync", "always")
    for connection in (one, other):
        assert seconds_of(connection, "SET", "k", "2") >= SYNC_SECONDS - EARLY_SECONDS
    for level in ("everysec", "no"):
        # What was asked for under the stricter setting has been waited for: the change's own reply is no write.
        one.command("CONFIG", "SET", "appendfsync", level)
        for connection in (one, other):
            assert seconds_of(connection, "SET", "k", level) < SYNC_SECONDS / 2
    one.command("CONFIG", "SET", "appendfsync", "always")
    assert seconds_of(other, "SET", "k", "3") >= SYNC_SECONDS - EARLY_SECONDS


def test_always_covers_what_was_written_before_it(slow_server, connect):
    """A value written under `no` is on no disk: under `always` a reader waits until it is."""
    server = slow_server("no")
    connection = connect(server)
    connection.command("SET", "k", "v")
    start = time.monotonic()
    # Either may be the one that waits: CONFIG SET's reply comes behind the value, too.
    connection.command("CONFIG", "SET", "appendfsync", "always")
    assert render(connection.command("GET", "k")) == '"v"'
    assert time.monotonic() - start >= SYNC_SECONDS - EARLY_SECONDS


def test_a_ping_waits_for_nobodys_sync(slow_server, connect):
    server = slow_server("always")
    writer, other = connect(server), connect(server)
    writer.send("SET", "k", "v")
    wait_until_visible_to_the_engine()
    assert seconds_of(other, "PING") < SYNC_SECONDS / 2
    assert render(writer.read()) == "+OK"


@pytest.mark.parametrize(
    "appendfsync, confirms, is_strict",
    [
        ("everysec", "written", False),
        ("no", "written", False),
        ("everysec", "synced", True),
        ("always", "written", True),
        ("always", "synced", True),
    ],
)
def test_a_bridged_message_waits_for_the_stricter_of_both_settings(slow_server, connect, appendfsync, confirms, is_strict):
    """The reply of AMQP.PUBLISH, alone and in MULTI, and the message's delivery."""
    pika = pytest.importorskip("pika")
    server = slow_server(appendfsync, publisher_confirms=confirms)
    publisher = connect(server)
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.amqp_port)) as connection:
        channel = connection.channel()
        channel.queue_declare("q", durable=True)
        arrived = []
        channel.basic_consume("q", lambda *_: arrived.append(time.monotonic()), auto_ack=True)
        # The declaration itself is a record: let its sync pass.
        time.sleep(2.5 * SYNC_SECONDS)
        for request in (
            encode("AMQP.PUBLISH", "", "q", "x"),
            encode("MULTI") + encode("SET", "k", "v") + encode("AMQP.PUBLISH", "", "q", "x") + encode("EXEC"),
        ):
            arrived.clear()
            start = time.monotonic()
            publisher.send_bytes(request)
            waiting = threading.Thread(target=lambda: [publisher.read() for _ in range(request.count(b"*"))])
            waiting.start()
            while not arrived:
                connection.process_data_events(time_limit=0.01)
            delivered = arrived[0] - start
            waiting.join()
            answered = time.monotonic() - start
            if is_strict:
                assert min(delivered, answered) >= SYNC_SECONDS - EARLY_SECONDS
            else:
                assert max(delivered, answered) < SYNC_SECONDS
            time.sleep(2.5 * SYNC_SECONDS)


def test_a_bridged_message_that_only_memory_holds_waits_for_the_write_alone(slow_server, connect):
    pika = pytest.importorskip("pika")
    server = slow_server("everysec")
    publisher = connect(server)
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.amqp_port)) as connection:
        connection.channel().queue_declare("transient", exclusive=True)
        assert seconds_of(publisher, "AMQP.PUBLISH", "", "transient", "x") < SYNC_SECONDS / 2


def test_what_was_synced_long_ago_is_read_at_once(slow_server, connect):
    server = slow_server("always")
    connection = connect(server)
    connection.command("SET", "k", "v")
    start = time.monotonic()
    assert render(connection.command("GET", "k")) == '"v"'
    assert time.monotonic() - start < SYNC_SECONDS / 2


def test_many_waiting_clients_share_a_sync(slow_server, connect):
    server = slow_server("always")
    writers = [connect(server) for _ in range(40)]
    start = time.monotonic()
    for number, writer in enumerate(writers):
        writer.send("SET", f"k{number}", "v")
    for writer in writers:
        assert render(writer.read()) == "+OK"
    # The first goes alone, the others together; one sync each would take forty times as long.
    assert time.monotonic() - start < 4 * SYNC_SECONDS


def test_a_confirm_comes_after_the_sync(slow_server):
    """Of a persistent message; one that only memory holds is confirmed at once."""
    pika = pytest.importorskip("pika")
    server = slow_server("no")
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.amqp_port)) as connection:
        channel = connection.channel()
        channel.queue_declare("durable", durable=True)
        channel.queue_declare("transient", exclusive=True)
        channel.confirm_delivery()
        persistent = pika.BasicProperties(delivery_mode=2)
        start = time.monotonic()
        channel.basic_publish("", "durable", b"x", persistent)
        assert time.monotonic() - start >= SYNC_SECONDS - EARLY_SECONDS
        start = time.monotonic()
        channel.basic_publish("", "transient", b"x")
        assert time.monotonic() - start < SYNC_SECONDS / 2


def test_a_confirm_of_the_written_level_does_not_wait(slow_server):
    pika = pytest.importorskip("pika")
    server = slow_server("no", publisher_confirms="written")
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.amqp_port)) as connection:
        channel = connection.channel()
        channel.queue_declare("durable", durable=True)
        channel.confirm_delivery()
        waited = []
        for size in [10, 3_000_000] * 6:
            start = time.monotonic()
            channel.basic_publish("", "durable", b"x" * size, pika.BasicProperties(delivery_mode=2))
            waited.append(time.monotonic() - start)
        for one_size in (waited[::2], waited[1::2]):
            assert statistics.median(one_size) < SYNC_SECONDS / 2


def test_writes_beside_a_confirm_do_not_wait_for_its_sync(slow_server, connect):
    """`everysec` waits for the write alone, also while a publisher waits for the disk."""
    pika = pytest.importorskip("pika")
    server = slow_server("everysec")
    stop = threading.Event()

    def publish():
        with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.amqp_port)) as connection:
            channel = connection.channel()
            channel.queue_declare("q", durable=True)
            channel.confirm_delivery()
            while not stop.is_set():
                channel.basic_publish("", "q", b"x", pika.BasicProperties(delivery_mode=2))

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        time.sleep(SYNC_SECONDS)
        writer = connect(server)
        waited = [seconds_of(writer, "SET", f"k{number}", "v") for number in range(50)]
        assert statistics.median(waited) < SYNC_SECONDS / 8
    finally:
        stop.set()
        publisher.join()


def wait_until_visible_to_the_engine() -> None:
    """Long enough for a sent command to be executed, short beside the sync."""
    time.sleep(0.1)


@pytest.fixture
def open_channel():
    """A channel with confirms: `basic_publish` returns when the confirm has come."""
    pika = pytest.importorskip("pika")
    opened = []

    def make(server):
        opened.append(pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.amqp_port)))
        channel = opened[-1].channel()
        channel.confirm_delivery()
        channel.queue_declare("kept", durable=True)
        return channel

    yield make
    for connection in opened:
        connection.close()


def seconds_of_a_publish(channel) -> float:
    import pika

    start = time.monotonic()
    channel.basic_publish("", "kept", b"body", pika.BasicProperties(delivery_mode=2))
    return time.monotonic() - start


def test_a_confirm_set_to_written_comes_at_once(slow_server, open_channel):
    channel = open_channel(slow_server("everysec", publisher_confirms="written"))
    assert max(seconds_of_a_publish(channel) for _ in range(10)) < SYNC_SECONDS / 2


def test_a_lonely_publisher_does_not_make_its_loop_wait_for_a_slow_disk(slow_server, open_channel, connect):
    """Where the disk is quick the loop syncs by itself; here a SET would have to wait for that."""
    server = slow_server("everysec", sync_seconds=0.05, io_threads=1)
    writer, channel = connect(server), open_channel(server)
    stopping, confirmed = threading.Event(), []

    def publish():
        while not stopping.is_set():
            confirmed.append(seconds_of_a_publish(channel))

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        wait_seconds = []
        while len(confirmed) < 40:
            # Seldom, so that most turns are the publisher's alone.
            time.sleep(0.2)
            start = time.monotonic()
            writer.command("SET", "k", "v")
            wait_seconds.append(time.monotonic() - start)
    finally:
        stopping.set()
        publisher.join()
    assert sorted(wait_seconds)[len(wait_seconds) // 2] < 0.025


def test_a_lonely_writer_is_answered_in_order_when_its_loop_syncs_by_itself(new_server, connect):
    """Long enough for the loop to take the syncs over, alone and then beside another client."""
    server = new_server(appendfsync="always", io_threads=1)
    writer, reader = connect(server), connect(server)
    for number in range(200):
        assert render(writer.command("INCR", "n")) == str(number + 1)
        if number > 150:
            assert render(reader.command("GET", "n")) == f'"{number + 1}"'
    server.restart(kill=True)
    assert render(connect(server).command("GET", "n")) == '"200"'
