"""What tests of the broker say over and over: wait for a delivery, expect a channel to be closed.

Never talks to a server by itself; it only drives the pika connection it is given.
"""

import socket
import time
from contextlib import contextmanager
from typing import NamedTuple

import pika
import pytest

ARRIVAL_SECONDS = 10.0
SILENCE_SECONDS = 0.25


class Delivery(NamedTuple):
    method: object
    properties: pika.BasicProperties
    body: bytes

    @property
    def tag(self):
        return self.method.delivery_tag


class Inbox(list):
    """A consumer callback that keeps what it was given."""

    def __call__(self, _channel, method, properties, body):
        self.append(Delivery(method, properties, body))

    @property
    def bodies(self):
        return [delivery.body for delivery in self]


def wait_until(connection, condition, seconds=ARRIVAL_SECONDS):
    """Serve the connection until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        connection.process_data_events(time_limit=0.05)


def wait_for(connection, inbox, count):
    """Serve the connection until the inbox holds this many deliveries."""
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while len(inbox) < count:
        assert time.monotonic() < deadline, f"{len(inbox)} of {count} deliveries arrived"
        connection.process_data_events(time_limit=0.05)


def assert_silence(connection, inbox, seconds=SILENCE_SECONDS):
    """Serve the connection for a while: nothing more may arrive."""
    before = len(inbox)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        connection.process_data_events(time_limit=0.05)
    assert len(inbox) == before, f"unexpected: {inbox[before:]}"


def publish(channel, queue, *bodies, **properties):
    for body in bodies:
        channel.basic_publish("", queue, body, pika.BasicProperties(**properties))


def get_all(channel, queue, auto_ack=True):
    """Everything that is ready in the queue, in order, through basic.get."""
    deliveries = []
    while True:
        method, properties, body = channel.basic_get(queue, auto_ack=auto_ack)
        if method is None:
            return deliveries
        deliveries.append(Delivery(method, properties, body))


def die(connection):
    """End the connection without a goodbye, as a killed process does."""
    connection._impl._transport._sock.shutdown(socket.SHUT_RDWR)
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        connection.process_data_events(time_limit=1)


def bodies(deliveries):
    return [delivery.body for delivery in deliveries]


def depth(channel, queue):
    """How many messages are ready, and how many consumers there are."""
    ok = channel.queue_declare(queue, passive=True).method
    return ok.message_count, ok.consumer_count


def wait_for_depth(channel, queue, messages, seconds=ARRIVAL_SECONDS):
    """Poll until the queue holds this many ready messages (after another connection acted)."""
    deadline = time.monotonic() + seconds
    while (found := depth(channel, queue)[0]) != messages:
        assert time.monotonic() < deadline, f"{found} messages, {messages} expected"
        time.sleep(0.02)


@contextmanager
def channel_closed(code, text):
    """The block is answered with channel.close of exactly this code and text."""
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        yield
    assert (caught.value.reply_code, caught.value.reply_text) == (code, text)


@contextmanager
def connection_closed(code, text):
    """The block is answered with connection.close of exactly this code and text."""
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as caught:
        yield
    assert (caught.value.reply_code, caught.value.reply_text) == (code, text)
