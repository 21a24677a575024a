"""One conversation with one server: does things as a client and notes what came back, free of what is random."""

import re
import time
from contextlib import suppress
from datetime import datetime

import pika
from pika import exceptions

from amqp_client.wire import Frame, Wire

HOST = "127.0.0.1"
ARRIVAL_SECONDS = 5.0
SILENCE_SECONDS = 0.3

_RANDOM = [
    (re.compile(r"amq\.gen-[\w-]+"), "amq.gen-*"),
    (re.compile(r"amq\.ctag-[\w-]+"), "amq.ctag-*"),
    (re.compile(r"ctag\d\.[0-9a-f]+"), "ctag*"),
    (re.compile(r"amq\.rabbitmq\.reply-to\.[\w+/=.-]+"), "amq.rabbitmq.reply-to.*"),
    (re.compile(r"<0\.\d+\.\d+>|<\w+@\w+\.\d+\.\d+\.\d+>"), "<pid>"),
]

# RabbitMQ tells the newest death, too, since 3.13; and 4 counts deliveries only from the second one on.
_NEW_HEADERS = {"x-last-death-exchange", "x-last-death-queue", "x-last-death-reason"}


def cleaned(value):
    """What is random becomes a star; what has no order is sorted."""
    if isinstance(value, str):
        for pattern, star in _RANDOM:
            value = pattern.sub(star, value)
        return value
    if isinstance(value, bytes):
        return cleaned(value.decode("latin-1"))
    if isinstance(value, datetime):
        return "a time"
    if isinstance(value, dict):
        known = {key: each for key, each in value.items() if key not in _NEW_HEADERS}
        if known.get("x-delivery-count") == 0:
            del known["x-delivery-count"]
        return {key: cleaned(known[key]) for key in sorted(known)}
    if isinstance(value, Frame):
        return [value.kind, value.channel, cleaned(value.payload)]
    if isinstance(value, (list, tuple)):
        return [cleaned(each) for each in value]
    if isinstance(value, pika.BasicProperties):
        given = {key: cleaned(each) for key, each in sorted(vars(value).items()) if each is not None}
        return {key: each for key, each in given.items() if each != {}}
    if hasattr(value, "method") and hasattr(value.method, "NAME"):
        return cleaned(value.method)
    if hasattr(value, "NAME"):
        fields = {key: cleaned(each) for key, each in sorted(vars(value).items()) if each is not None}
        return f"{value.NAME} {fields}"
    return value


class Observer:
    """Does one thing after the other on `channel`; a channel that was closed is opened anew."""

    def __init__(self, port, http_port=None):
        self.port = port
        self.http_port = http_port
        self.notes = []
        self._connections = []
        self._wires = []
        self._connection = None
        self._channel = None
        self.declared_queues, self.declared_exchanges = set(), set()

    # Noting.

    def note(self, label, value):
        self.notes.append(f"{label}: {cleaned(value)!r}")

    def attempt(self, label, action):
        """Runs `action` and notes its result or how the server refused it; answers the result."""
        try:
            result = action()
        except exceptions.ChannelClosedByBroker as closed:
            self.note(label, f"channel closed {closed.reply_code} {closed.reply_text}")
        except exceptions.ConnectionClosedByBroker as closed:
            self.note(label, f"connection closed {closed.reply_code} {closed.reply_text}")
        except exceptions.AMQPConnectionError as error:
            self.note(label, f"connection failed {type(error).__name__} {error.args}")
        except (exceptions.ChannelWrongStateError, exceptions.ChannelClosedByClient) as error:
            self.note(label, f"{type(error).__name__}")
        else:
            self.note(label, result)
            return result
        return None

    # Doing.

    def connect(self, **parameters):
        """Another connection; closed at the end."""
        connection = pika.BlockingConnection(pika.ConnectionParameters(HOST, self.port, **parameters))
        self._connections.append(connection)
        return connection

    @property
    def connection(self):
        if self._connection is None or not self._connection.is_open:
            self._connection = self.connect()
        return self._connection

    @property
    def channel(self):
        connection = self.connection
        if self._channel is None or not self._channel.is_open or self._channel.connection.is_closed:
            self._channel = connection.channel()
        return self._channel

    def do(self, method, *arguments, label=None, channel=None, **options):
        """Calls a method of the channel and then makes sure the server has answered it."""
        if method == "queue_declare" and arguments[0]:
            self.declared_queues.add(arguments[0])
        if method == "exchange_declare":
            self.declared_exchanges.add(arguments[0])
        words = ", ".join([repr(each) for each in arguments] + [f"{key}={each!r}" for key, each in options.items()])

        def action():
            on = channel or self.channel
            result = getattr(on, method)(*arguments, **options)
            if method.startswith(("basic_publish", "basic_ack", "basic_nack", "basic_reject")):
                on.exchange_declare("amq.direct", passive=True)
            return result

        return self.attempt(label or f"{method}({words})", action)

    def wire(self, opened=True, channel=True, **tuning):
        """A bare socket."""
        wire = Wire(self.port)
        self._wires.append(wire)
        if opened:
            wire.open(**tuning)
            if channel:
                wire.open_channel()
        return wire

    def publish(self, queue, *bodies, exchange="", channel=None, **properties):
        on = channel or self.channel
        for body in bodies:
            on.basic_publish(exchange, queue, body, pika.BasicProperties(**properties) if properties else None)
        on.exchange_declare("amq.direct", passive=True)

    def get_all(self, label, queue, ack=True, properties=False, channel=None):
        """Notes all messages of a queue, as basic.get gives them."""
        on = channel or self.channel
        found = []
        while True:
            method, header, body = on.basic_get(queue, auto_ack=ack)
            if method is None:
                break
            one = [body, method.redelivered, method.exchange, method.routing_key, method.message_count]
            found.append(one + [header] if properties else one)
        self.note(label, found)

    def get_when_there(self, label, queue, seconds=ARRIVAL_SECONDS, properties=True, auto_ack=True):
        """Notes one message, which may take a while to come."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            method, header, body = self.channel.basic_get(queue, auto_ack=auto_ack)
            if method is not None:
                found = [body, method.redelivered, method.exchange, method.routing_key]
                self.note(label, found + [header] if properties else found)
                return method.delivery_tag
            time.sleep(0.02)
        self.note(label, "nothing")
        return None

    def consume(self, queue, inbox, channel=None, **options):
        """Subscribes; deliveries land in `inbox` as (tag, body, redelivered, properties)."""
        on = channel or self.channel

        def arrived(_channel, method, properties, body):
            inbox.append((method.consumer_tag, method.delivery_tag, body, method.redelivered, properties))

        return on.basic_consume(queue, arrived, **options)

    def serve(self, seconds=SILENCE_SECONDS, until=None, connection=None):
        """Lets deliveries arrive: until the condition holds, or for a while."""
        deadline = time.monotonic() + (ARRIVAL_SECONDS if until else seconds)
        while time.monotonic() < deadline and not (until and until()):
            (connection or self.connection).process_data_events(time_limit=0.02)

    def close(self):
        with suppress(Exception):
            for queue in self.declared_queues:
                with suppress(exceptions.AMQPError):
                    self.channel.queue_delete(queue)
            for exchange in self.declared_exchanges:
                with suppress(exceptions.AMQPError):
                    self.channel.exchange_delete(exchange)
        for wire in self._wires:
            wire.close()
        for connection in self._connections:
            with suppress(Exception):
                connection.close()
