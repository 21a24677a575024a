"""Back-pressure: a consumer that stops reading holds up nobody and costs no memory.

WARREN_BACKLOG_MB (200) is the size of the backlog; 1000 is what is promised.
"""

import os
import socket
import struct
import time

import pika
import pytest

from amqp_client import wire
from amqp_client.deliveries import depth
from amqp_client.wire import Wire

BACKLOG_BYTES = int(os.environ.get("WARREN_BACKLOG_MB", "200")) * 1_000_000
BODY_BYTES = 100_000
COUNT = BACKLOG_BYTES // BODY_BYTES

# What the kernel's socket buffers and the server's own outbox may hold of it.
IN_FLIGHT_BYTES = 40_000_000
GROWTH_BYTES = 60_000_000


def fill(connect, port, queue):
    channel = connect(port=port).channel()
    channel.queue_declare(queue, durable=True)
    impl, confirmed = channel._impl, [0]

    def count(frame):
        confirmed[0] = frame.method.delivery_tag

    impl.confirm_delivery(count)
    for number in range(COUNT):
        body = struct.pack(">Q", number) * (BODY_BYTES // 8)
        impl.basic_publish("", queue, body, pika.BasicProperties(delivery_mode=2))
        if number % 20 == 0:
            channel.connection.process_data_events(time_limit=0)
    while depth(channel, queue)[0] < COUNT:
        channel.connection.process_data_events(time_limit=0.1)
    return channel


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("no_ack", [True, False], ids=["no_ack", "ack"])
def test_a_consumer_that_stops_reading_and_is_killed(new_server, server_kind, connect, no_ack):
    server = new_server()
    channel = fill(connect, server.amqp_port, "q")
    before = server.rss_bytes()

    stuck = Wire(server.amqp_port)
    stuck.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    stuck.open()
    stuck.open_channel()
    stuck.send(wire.consume(1, "q", no_ack=no_ack))
    stuck.expect(wire.CONSUME_OK)

    peak, deadline = before, time.monotonic() + 3
    while time.monotonic() < deadline:
        peak = max(peak, server.rss_bytes())
        time.sleep(0.05)
        channel.basic_publish("", "other", b"the broker still serves others")
    if server_kind == "warren":
        assert peak - before < GROWTH_BYTES, f"grew by {(peak - before) // 1_000_000} MB"
    stuck.close()

    # A no_ack message is gone once it is sent; RabbitMQ writes the whole queue to the dead socket's buffer.
    lost_at_most = IN_FLIGHT_BYTES // BODY_BYTES if no_ack else 0
    if server_kind != "warren" and no_ack:
        return
    deadline = time.monotonic() + 30
    while depth(channel, "q")[0] < COUNT - lost_at_most:
        assert time.monotonic() < deadline, f"{depth(channel, 'q')[0]} of {COUNT} left"
        time.sleep(0.1)

    left = depth(channel, "q")[0]
    expected = COUNT - left
    for _ in range(left):
        _method, _properties, body = channel.basic_get("q", auto_ack=True)
        assert body == struct.pack(">Q", expected) * (BODY_BYTES // 8)
        expected += 1


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_publisher_is_not_held_up_by_a_consumer_that_stops_reading(new_server, connect):
    server = new_server()
    channel = connect(port=server.amqp_port).channel()
    channel.queue_declare("q", durable=True)
    stuck = Wire(server.amqp_port)
    stuck.open()
    stuck.open_channel()
    stuck.send(wire.consume(1, "q", no_ack=True))
    stuck.expect(wire.CONSUME_OK)
    channel.confirm_delivery()
    begun = time.monotonic()
    for _ in range(400):
        channel.basic_publish("", "q", b"x" * BODY_BYTES)
    assert time.monotonic() - begun < 30
    stuck.close()
