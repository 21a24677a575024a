"""What comes back after a restart and after a kill -9, and what must not.

Each test starts a server of its own; `restart(kill=True)` is SIGKILL without any warning.
"""

import os
import signal
import time

import pika
import pytest

from amqp_client.deliveries import Inbox, bodies, channel_closed, depth, get_all, wait_for, wait_until
from amqp_client.wire import Wire

BOTH_ENDS = pytest.mark.parametrize("kill", [False, True], ids=["restart", "kill -9"])

PERSISTENT = pika.BasicProperties(delivery_mode=2)


@pytest.fixture
def server(new_server):
    return new_server()


@pytest.fixture
def open_channel(server, connect):
    """A channel with confirms on a new connection to this test's own server."""

    def open_one():
        channel = connect(port=server.amqp_port).channel()
        channel.confirm_delivery()
        return channel

    return open_one


@pytest.fixture
def restart(server, server_kind):
    """SIGTERM or SIGKILL, and then a start on the same directory."""

    def run(kill):
        if kill and server_kind == "rabbitmq":
            time.sleep(4)  # RabbitMQ 3.10 writes declarations down only every few seconds
        server.restart(kill=kill)

    return run


def missing(channel, kind, name):
    """Asserts that there is no such queue or exchange, on a channel that is then closed."""
    with channel_closed(404, f"NOT_FOUND - no {kind} '{name}' in vhost '/'"):
        getattr(channel, f"{kind}_declare")(name, passive=True)


@BOTH_ENDS
def test_queues_exchanges_and_bindings(restart, open_channel, kill):
    channel = open_channel()
    channel.exchange_declare("lasting", "topic", durable=True)
    channel.exchange_declare("passing", "topic", durable=False)
    channel.queue_declare("lasting", durable=True, arguments={"x-max-length": 3})
    channel.queue_declare("passing", durable=False)
    channel.queue_declare("deleted", durable=True)
    channel.queue_delete("deleted")
    for key in ("kept.#", "unbound"):
        channel.queue_bind("lasting", "lasting", key)
    channel.queue_unbind("lasting", "lasting", "unbound")
    channel.queue_bind("lasting", "passing", "#")

    restart(kill)

    channel = open_channel()
    channel.queue_declare("lasting", durable=True, arguments={"x-max-length": 3})
    channel.exchange_declare("lasting", "topic", durable=True)
    for key in ("kept.here", "unbound", "other"):
        channel.basic_publish("lasting", key, key.encode())
    assert bodies(get_all(channel, "lasting")) == [b"kept.here"]
    for kind, name in (("queue", "passing"), ("queue", "deleted"), ("exchange", "passing")):
        missing(channel.connection.channel(), kind, name)


@BOTH_ENDS
def test_messages(restart, open_channel, kill):
    channel = open_channel()
    channel.queue_declare("q", durable=True)
    for number in range(20):
        mode = 2 if number % 2 else 1
        channel.basic_publish("", "q", b"%d" % number, pika.BasicProperties(delivery_mode=mode))

    restart(kill)

    found = bodies(get_all(open_channel(), "q"))
    assert found == [b"%d" % number for number in range(1, 20, 2)]


@BOTH_ENDS
def test_body_and_properties_come_back_whole(restart, open_channel, kill):
    properties = pika.BasicProperties(
        delivery_mode=2, content_type="text/plain", headers={"k": [1, {"deep": "v"}]}, message_id="m", priority=3
    )
    channel = open_channel()
    channel.queue_declare("q", durable=True)
    for body in (b"", b"small", b"large" * 200_000):
        channel.basic_publish("", "q", body, properties)

    restart(kill)

    found = get_all(open_channel(), "q")
    assert bodies(found) == [b"", b"small", b"large" * 200_000]
    assert all(delivery.properties == properties for delivery in found)


@BOTH_ENDS
def test_a_persistent_message_in_a_transient_queue_is_lost(restart, open_channel, kill):
    channel = open_channel()
    channel.queue_declare("passing", durable=False)
    channel.basic_publish("", "passing", b"lost", PERSISTENT)
    restart(kill)
    channel = open_channel()
    channel.queue_declare("passing", durable=False)
    assert get_all(channel, "passing") == []


@BOTH_ENDS
def test_mixed_consumed_requeued_and_purged(restart, open_channel, kill):
    """Persistent and transient messages in one durable queue, with everything done to them in between."""
    channel = open_channel()
    channel.queue_declare("q", durable=True)

    def publish(*numbers):
        for number in numbers:
            mode = 1 if number % 3 == 0 else 2
            channel.basic_publish("", "q", b"%d" % number, pika.BasicProperties(delivery_mode=mode))

    publish(*range(5))
    channel.basic_get("q")
    channel.queue_purge("q")
    channel.basic_nack(1)
    publish(*range(10, 30))
    inbox = Inbox()
    tag = channel.basic_consume("q", inbox)
    wait_for(channel.connection, inbox, 21)
    channel.basic_cancel(tag)
    by_body = {int(delivery.body): delivery.tag for delivery in inbox}
    for number in (0, 10, 12, 14, 29):
        channel.basic_ack(by_body[number])
    for number in (11, 13, 15, 28):
        channel.basic_nack(by_body[number])
    channel.basic_reject(by_body[16], requeue=False)
    wait_until(channel.connection, lambda: depth(channel, "q")[0] == 4)
    publish(30, 31)
    # The confirm of a later message of this channel says that its acks before it are in the log, too.

    restart(kill)

    found = get_all(open_channel(), "q")
    gone = {0, 10, 12, 14, 29, 16}
    expected = [n for n in [*range(10, 30), 30, 31] if n % 3 and n not in gone]
    assert bodies(found) == [b"%d" % number for number in expected]


@BOTH_ENDS
def test_unacknowledged_messages_come_back_redelivered(restart, open_channel, kill):
    channel = open_channel()
    channel.queue_declare("q", durable=True)
    for number in range(4):
        channel.basic_publish("", "q", b"%d" % number, PERSISTENT)
    for _ in range(2):
        channel.basic_get("q")

    restart(kill)

    found = get_all(open_channel(), "q")
    assert bodies(found) == [b"0", b"1", b"2", b"3"]
    assert [delivery.method.redelivered for delivery in found[:2]] == [True, True]


@BOTH_ENDS
def test_transactions_come_back_whole(server, restart, open_channel, connect, kill):
    channel = connect(port=server.amqp_port).channel()
    channel.queue_declare("q", durable=True)
    channel.tx_select()
    for number in range(10):
        channel.basic_publish("", "q", b"%d" % number, PERSISTENT)
    channel.tx_commit()
    channel.basic_publish("", "q", b"uncommitted", PERSISTENT)

    restart(kill)

    assert bodies(get_all(open_channel(), "q")) == [b"%d" % number for number in range(10)]


@BOTH_ENDS
def test_fanout_copies_come_back_in_every_queue(restart, open_channel, kill):
    channel = open_channel()
    for number in range(5):
        channel.queue_declare(f"q{number}", durable=True)
        channel.queue_bind(f"q{number}", "amq.fanout")
    channel.basic_publish("amq.fanout", "", b"x" * 50_000, PERSISTENT)
    channel.queue_purge("q0")

    restart(kill)

    channel = open_channel()
    assert [len(get_all(channel, f"q{number}")) for number in range(5)] == [0, 1, 1, 1, 1]


def test_the_goodbye_of_a_server_that_is_stopped(server):
    connection = Wire(server.amqp_port).open()
    os.kill(server.pid, signal.SIGTERM)
    code, text, _ = connection.expect_close(answer=False)
    assert code == 320
    assert text.startswith("CONNECTION_FORCED - ")
    server.stop()


def test_restarts_one_after_the_other_keep_everything_once(restart, open_channel):
    channel = open_channel()
    channel.queue_declare("q", durable=True)
    for number in range(3):
        channel.basic_publish("", "q", b"%d" % number, PERSISTENT)
        restart(kill=number % 2 == 0)
        channel = open_channel()
    assert bodies(get_all(channel, "q")) == [b"0", b"1", b"2"]
