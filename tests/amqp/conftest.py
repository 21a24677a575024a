"""Fixtures of the broker's tests: connections that are closed, and names that are cleared away."""

import uuid
from contextlib import suppress

import pika
import pytest

from amqp_client.wire import Wire

HOST = "127.0.0.1"


@pytest.fixture
def connect(amqp_server):
    """Open connections to the shared server, or to another one's port; the test need not close them."""
    opened = []

    def open_connection(**parameters):
        parameters.setdefault("host", HOST)
        parameters.setdefault("port", amqp_server.amqp_port)
        connection = pika.BlockingConnection(pika.ConnectionParameters(**parameters))
        opened.append(connection)
        return connection

    yield open_connection
    for connection in opened:
        with suppress(pika.exceptions.AMQPError):  # the test may have ended its server
            if connection.is_open:
                connection.close()


@pytest.fixture
def connection(connect):
    return connect()


@pytest.fixture
def channel(connection):
    return connection.channel()


@pytest.fixture
def name(amqp_server):
    """Unique names for queues and exchanges; whatever bears one is deleted after the test."""
    made = []

    def make(stem="q"):
        made.append(f"{stem}-{uuid.uuid4().hex[:12]}")
        return made[-1]

    yield make
    if made:
        _delete(amqp_server, made)


def _delete(server, names):
    connection = pika.BlockingConnection(pika.ConnectionParameters(HOST, server.amqp_port))
    for each in names:
        for delete in ("queue_delete", "exchange_delete"):
            channel = connection.channel()
            try:
                getattr(channel, delete)(each)
                channel.close()
            except pika.exceptions.ChannelClosedByBroker:
                pass  # locked by a connection that is on its way out
    connection.close()


@pytest.fixture
def queue(channel, name):
    """A plain durable queue."""
    queue = name()
    channel.queue_declare(queue, durable=True)
    return queue


@pytest.fixture
def dial(amqp_server):
    """Open bare sockets that speak in frames."""
    opened = []

    def open_socket(**options):
        opened.append(Wire(amqp_server.amqp_port, **options))
        return opened[-1]

    yield open_socket
    for each in opened:
        each.close()


@pytest.fixture
def talk(dial):
    """A bare connection that is open, with channel 1."""
    each = dial().open()
    each.open_channel()
    return each
