"""Fixtures of the tests of the HTTP API and of the command line that reads it."""

import base64
import json
import time
import urllib.error
import urllib.request
import uuid
from typing import NamedTuple

import pika
import pytest


class Answer(NamedTuple):
    status: int
    headers: object
    body: bytes

    def json(self):
        assert self.headers["content-type"].startswith("application/json"), self.headers
        return json.loads(self.body)


@pytest.fixture
def http(amqp_server):
    """`http("/api/overview")`: the answer to a GET as guest, or as somebody else, or as nobody."""

    def get(path, credentials="guest:guest"):
        request = urllib.request.Request(f"http://127.0.0.1:{amqp_server.http_port}{path}")
        if credentials is not None:
            request.add_header("Authorization", "Basic " + base64.b64encode(credentials.encode()).decode())
        try:
            answer = urllib.request.urlopen(request, timeout=10)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return Answer(answer.status, answer.headers, answer.read())

    return get


@pytest.fixture
def channel(amqp_server):
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", amqp_server.amqp_port))
    yield connection.channel()
    connection.close()


@pytest.fixture
def queue(channel):
    """A durable queue with three messages ready and one unacknowledged, of three bytes each."""
    queue = f"queue-{uuid.uuid4().hex[:12]}"
    channel.queue_declare(queue, durable=True, arguments={"x-max-length": 10})
    channel.confirm_delivery()
    for _ in range(4):
        channel.basic_publish("", queue, b"abc")
    channel.basic_get(queue)
    yield queue
    channel.queue_delete(queue)


@pytest.fixture
def eventually():
    """RabbitMQ gathers its figures every five seconds; wait until they are what they must become."""

    def wait(ask, condition, seconds=15):
        deadline = time.monotonic() + seconds
        while not condition(found := ask()):
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        return found

    return wait
