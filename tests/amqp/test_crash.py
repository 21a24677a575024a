"""SIGKILL at a random moment, again and again: every confirmed message is found, in order and once.

WARREN_CRASH_ROUNDS (20; 2 against RabbitMQ, which needs ten seconds to start) says how often.
"""

import os
import random
import threading
import time

import pika
import pytest

from amqp_client.deliveries import get_all

QUEUES = ("a", "b")


class Publisher(threading.Thread):
    """Publishes numbered messages with many confirms in flight, and notes what was confirmed."""

    def __init__(self, port, first):
        super().__init__(daemon=True)
        self.port, self.first = port, first
        self.confirmed: set[int] = set()
        self.sent = 0

    def run(self):
        connection = pika.SelectConnection(
            pika.ConnectionParameters("127.0.0.1", self.port),
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._opened),
            on_close_callback=lambda connection, _reason: connection.ioloop.stop(),
            on_open_error_callback=lambda connection, _error: connection.ioloop.stop(),
        )
        connection.ioloop.start()

    def _opened(self, channel):
        self.channel = channel
        self.answered = 0
        channel.confirm_delivery(self._confirmed, callback=lambda _frame: self._fill())

    def _confirmed(self, frame):
        assert isinstance(frame.method, pika.spec.Basic.Ack)
        tag = frame.method.delivery_tag
        tags = range(self.answered + 1, tag + 1) if frame.method.multiple else [tag]
        self.confirmed.update(self.first + each - 1 for each in tags)
        if frame.method.multiple:
            self.answered = tag
        self._fill()

    def _fill(self):
        while self.sent - len(self.confirmed) < 100 and self.channel.is_open:
            number = self.first + self.sent
            self.sent += 1
            body = b"%d " % number + b"x" * random.randint(0, 3_000)
            self.channel.basic_publish(
                "", QUEUES[number % 2], body, pika.BasicProperties(delivery_mode=2)
            )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_confirmed_message_survives(new_server, server_kind, connect):
    rounds = int(os.environ.get("WARREN_CRASH_ROUNDS", 20 if server_kind == "warren" else 2))
    server = new_server()
    channel = connect(port=server.amqp_port).channel()
    for queue in QUEUES:
        channel.queue_declare(queue, durable=True)
    confirmed_in_all, first = 0, 0
    for _ in range(rounds):
        publisher = Publisher(server.amqp_port, first)
        publisher.start()
        time.sleep(random.uniform(0.15, 0.8))
        server.kill()
        publisher.join(20)
        assert not publisher.is_alive()
        server.start()
        found = check(connect(port=server.amqp_port), publisher)
        confirmed_in_all += len(publisher.confirmed)
        first += publisher.sent
        assert found <= publisher.sent
    assert confirmed_in_all > 20 * rounds, "the rounds were too short to say anything"


def check(connection, publisher):
    """Takes everything out again: what was confirmed is there, in order, once, and nothing else is."""
    channel = connection.channel()
    found = 0
    for parity, queue in enumerate(QUEUES):
        numbers = [int(delivery.body.split(b" ")[0]) for delivery in get_all(channel, queue)]
        found += len(numbers)
        assert numbers == sorted(set(numbers)), "out of order, or twice"
        wanted = {number for number in publisher.confirmed if number % 2 == parity}
        assert wanted <= set(numbers), f"{len(wanted - set(numbers))} confirmed messages are lost from {queue}"
        assert all(publisher.first <= number < publisher.first + publisher.sent for number in numbers)
    # The connection's goodbye comes after its acks: what was taken out must not come back.
    connection.close()
    return found


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.warren_only
def test_acknowledged_messages_do_not_come_back_after_a_later_confirm(new_server, connect):
    """A confirm waits for the log up to its record, so acks that came before it are synced as well."""
    server = new_server()
    channel = connect(port=server.amqp_port).channel()
    channel.confirm_delivery()
    channel.queue_declare("q", durable=True)
    for round_number in range(5):
        for number in range(50):
            channel.basic_publish("", "q", b"%d" % number, pika.BasicProperties(delivery_mode=2))
        get_all(channel, "q")
        channel.basic_publish("", "q", b"last", pika.BasicProperties(delivery_mode=2))
        server.restart(kill=True)
        channel = connect(port=server.amqp_port).channel()
        channel.confirm_delivery()
        assert [delivery.body for delivery in get_all(channel, "q")] == [b"last"], f"round {round_number}"
