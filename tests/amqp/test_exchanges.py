"""Exchanges and bindings: how each type routes, what must match, what is refused."""

import pika
import pytest
from pika import BasicProperties

from amqp_client.deliveries import Inbox, bodies, channel_closed, get_all, wait_for


@pytest.fixture
def bound(channel, name):
    """`bound(exchange, key, ...)`: a new queue bound with these keys."""

    def bind(exchange, *keys, arguments=None):
        queue = name()
        channel.queue_declare(queue)
        for key in keys:
            channel.queue_bind(queue, exchange, key, arguments)
        return queue

    return bind


@pytest.fixture
def exchange(channel, name):
    """`exchange("topic")`: a new exchange of that type."""

    def declare(kind, **flags):
        exchange = name(kind)
        channel.exchange_declare(exchange, kind, **flags)
        return exchange

    return declare


def test_default_exchange_routes_by_queue_name(channel, bound):
    queue = bound("")
    channel.basic_publish("", queue, b"1")
    channel.basic_publish("", "no-such-queue", b"lost")
    assert bodies(get_all(channel, queue)) == [b"1"]


@pytest.mark.parametrize("action", ["queue_bind", "queue_unbind"])
def test_default_exchange_takes_no_bindings(channel, bound, action):
    queue = bound("")
    with channel_closed(403, "ACCESS_REFUSED - operation not permitted on the default exchange"):
        getattr(channel, action)(queue, "", "key")


def test_direct_routes_by_equal_key(channel, bound, exchange):
    logs = exchange("direct")
    errors, everything = bound(logs, "error"), bound(logs, "error", "info", "warning")
    for severity in ("error", "info", "debug", "erro", "errors"):
        channel.basic_publish(logs, severity, severity.encode())
    assert bodies(get_all(channel, errors)) == [b"error"]
    assert bodies(get_all(channel, everything)) == [b"error", b"info"]


def test_fanout_gives_to_every_queue_whatever_the_key(channel, bound, exchange):
    logs = exchange("fanout")
    queues = [bound(logs, "") for _ in range(5)] + [bound(logs, "ignored")]
    for number in range(10):
        channel.basic_publish(logs, f"key-{number}", b"%d" % number)
    for queue in queues:
        assert bodies(get_all(channel, queue)) == [b"%d" % number for number in range(10)]


def test_fanout_reaches_the_consumer_of_every_bound_queue(connect, channel, exchange):
    logs = exchange("fanout")
    consumers = []
    for _ in range(5):
        connection, inbox = connect(), Inbox()
        listener = connection.channel()
        queue = listener.queue_declare("", exclusive=True).method.queue
        listener.queue_bind(queue, logs)
        listener.basic_consume(queue, inbox, auto_ack=True)
        consumers.append((connection, inbox))
    for number in range(100):
        channel.basic_publish(logs, "", b"%d" % number)
    for connection, inbox in consumers:
        wait_for(connection, inbox, 100)
        assert inbox.bodies == [b"%d" % number for number in range(100)]


TOPICS = [
    ("#", ["", "a", "a.b", "a.b.c"], []),
    ("*", ["a", "b"], ["a.b"]),
    ("*.*", ["a.b", ".", "a."], ["a", "a.b.c", ""]),
    ("a.*", ["a.b", "a."], ["a", "a.b.c", "b.a"]),
    ("a.#", ["a", "a.b", "a.b.c"], ["b", "b.a", "ab"]),
    ("#.z", ["z", "a.z", "a.b.z"], ["z.a", "a.b"]),
    ("#.#", ["", "a", "a.b"], []),
    ("a.#.z", ["a.z", "a.b.z", "a.b.c.z"], ["a", "z", "a.b"]),
    ("*.orange.*", ["quick.orange.rabbit"], ["orange", "quick.orange.male.rabbit", "lazy.brown.fox"]),
    ("#.*.#", ["a", "a.b"], []),
    ("a*", ["a*"], ["ab", "a"]),
    ("A.b", ["A.b"], ["a.b", "A.B"]),
]


@pytest.mark.parametrize("pattern, matching, other", TOPICS, ids=[row[0] for row in TOPICS])
def test_topic_patterns(channel, bound, exchange, pattern, matching, other):
    logs = exchange("topic")
    queue = bound(logs, pattern)
    for key in other + matching:
        channel.basic_publish(logs, key, key.encode())
    assert bodies(get_all(channel, queue)) == [key.encode() for key in matching]


def test_topic_gives_a_queue_one_copy_however_many_bindings_match(channel, bound, exchange):
    logs = exchange("topic")
    queue = bound(logs, "#", "a.*", "*.b", "a.b")
    channel.basic_publish(logs, "a.b", b"once")
    assert bodies(get_all(channel, queue)) == [b"once"]


HEADERS = [
    ({"x-match": "all", "a": 1, "b": "two"}, [{"a": 1, "b": "two"}, {"a": 1, "b": "two", "c": 3}],
     [{"a": 1}, {"a": 2, "b": "two"}, {}]),
    ({"x-match": "any", "a": 1, "b": "two"}, [{"a": 1}, {"b": "two"}, {"a": 2, "b": "two"}],
     [{"a": 2}, {"c": 1}, {}]),
    ({"a": 1}, [{"a": 1}], [{"a": 2}, {}]),
    ({"x-match": "all", "a": None}, [{"a": 1}, {"a": "anything"}], [{"b": 1}]),
    ({"x-match": "all", "x-a": 1}, [{}, {"x-a": 2}], []),
    ({"x-match": "all"}, [{}, {"a": 1}], []),
    ({"x-match": "any"}, [], [{}, {"a": 1}]),
    ({"x-match": "all-with-x", "x-a": 1}, [{"x-a": 1}], [{}, {"x-a": 2}]),
]


@pytest.mark.parametrize("arguments, matching, other", HEADERS, ids=lambda value: str(value)[:40])
def test_headers_exchange(channel, bound, exchange, arguments, matching, other):
    exchange_name = exchange("headers")
    queue = bound(exchange_name, "", arguments=arguments)
    for headers in matching + other:
        channel.basic_publish(exchange_name, "", repr(headers).encode(), BasicProperties(headers=headers))
    assert bodies(get_all(channel, queue)) == [repr(headers).encode() for headers in matching]


@pytest.mark.parametrize("exchange_name, kind", [
    ("amq.direct", "direct"), ("amq.fanout", "fanout"), ("amq.topic", "topic"),
    ("amq.headers", "headers"), ("amq.match", "headers"),
])
def test_exchanges_that_are_there_from_the_start(channel, bound, exchange_name, kind):
    channel.exchange_declare(exchange_name, kind, durable=True)
    queue = bound(exchange_name, "key")
    channel.basic_publish(exchange_name, "key", b"1")
    assert bodies(get_all(channel, queue)) == [b"1"]


def test_declare_is_idempotent(channel, name):
    exchange = name()
    for _ in range(2):
        channel.exchange_declare(exchange, "direct", durable=True, auto_delete=True)


@pytest.mark.parametrize("first, second, argument, difference", [
    ({"exchange_type": "direct"}, {"exchange_type": "fanout"}, "type", "'fanout' but current is 'direct'"),
    ({}, {"durable": True}, "durable", "'true' but current is 'false'"),
    ({}, {"auto_delete": True}, "auto_delete", "'true' but current is 'false'"),
    ({}, {"internal": True}, "internal", "'true' but current is 'false'"),
])
def test_declare_mismatch(channel, name, first, second, argument, difference):
    exchange = name()
    channel.exchange_declare(exchange, **first)
    text = f"PRECONDITION_FAILED - inequivalent arg '{argument}' for exchange '{exchange}' in vhost '/': received {difference}"
    with channel_closed(406, text):
        channel.exchange_declare(exchange, **second)


def test_declare_of_an_unknown_type(channel, name, server_kind):
    with pytest.raises((pika.exceptions.ChannelClosedByBroker, pika.exceptions.ConnectionClosedByBroker)) as caught:
        channel.exchange_declare(name(), "no-such-type")
    # RabbitMQ 4's answer; 3 closed the connection.
    code, word = (503, "COMMAND_INVALID") if server_kind == "rabbitmq" else (406, "PRECONDITION_FAILED")
    assert caught.value.reply_code == code
    assert caught.value.reply_text == f"{word} - unknown exchange type 'no-such-type'"


def test_declare_of_a_reserved_name(channel):
    text = "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'"
    with channel_closed(403, text):
        channel.exchange_declare("amq.mine", "direct")


def test_passive_declare(channel, exchange, name):
    channel.exchange_declare(exchange("fanout"), passive=True)
    missing = name()
    with channel_closed(404, f"NOT_FOUND - no exchange '{missing}' in vhost '/'"):
        channel.exchange_declare(missing, passive=True)


def test_declare_of_the_default_exchange(channel):
    with channel_closed(403, "ACCESS_REFUSED - operation not permitted on the default exchange"):
        channel.exchange_declare("", "direct", durable=True)


def test_delete(channel, exchange, bound):
    logs = exchange("fanout")
    queue = bound(logs, "")
    channel.exchange_delete(logs)
    channel.queue_declare(queue, passive=True)
    with channel_closed(404, f"NOT_FOUND - no exchange '{logs}' in vhost '/'"):
        channel.exchange_declare(logs, passive=True)


def test_delete_of_no_exchange_is_no_error(channel):
    channel.exchange_delete("no-such-exchange")


def test_delete_takes_the_bindings_along(channel, exchange, bound):
    logs = exchange("fanout")
    queue = bound(logs, "")
    channel.exchange_delete(logs)
    channel.exchange_declare(logs, "fanout")
    channel.basic_publish(logs, "", b"lost")
    assert get_all(channel, queue) == []


def test_delete_if_unused(connect, channel, exchange, bound):
    logs = exchange("fanout")
    queue = bound(logs, "")
    with channel_closed(406, f"PRECONDITION_FAILED - exchange '{logs}' in vhost '/' in use"):
        connect().channel().exchange_delete(logs, if_unused=True)
    channel.queue_unbind(queue, logs, "")
    channel.exchange_delete(logs, if_unused=True)


@pytest.mark.parametrize("exchange_name, text", [
    ("amq.direct", "deletion of system exchange 'amq.direct' in vhost '/' not allowed"),
    ("", "operation not permitted on the default exchange"),
])
def test_delete_of_the_broker_s_own(channel, exchange_name, text):
    with channel_closed(403, f"ACCESS_REFUSED - {text}"):
        channel.exchange_delete(exchange_name)


def test_auto_delete_ends_with_the_last_binding(channel, exchange, bound):
    logs = exchange("fanout", auto_delete=True)
    first, second = bound(logs, ""), bound(logs, "")
    channel.queue_unbind(first, logs, "")
    channel.exchange_declare(logs, passive=True)
    channel.queue_delete(second)
    with channel_closed(404, f"NOT_FOUND - no exchange '{logs}' in vhost '/'"):
        channel.exchange_declare(logs, passive=True)


def test_internal_takes_no_messages_from_clients(channel, exchange):
    inner = exchange("fanout", internal=True)
    channel.basic_publish(inner, "", b"1")
    with channel_closed(403, f"ACCESS_REFUSED - cannot publish to internal exchange '{inner}' in vhost '/'"):
        channel.queue_declare("", exclusive=True)


def test_bind_is_idempotent(channel, exchange, bound):
    logs = exchange("direct")
    queue = bound(logs, "key", "key", "key")
    channel.basic_publish(logs, "key", b"once")
    assert bodies(get_all(channel, queue)) == [b"once"]
    channel.queue_unbind(queue, logs, "key")
    channel.basic_publish(logs, "key", b"lost")
    assert get_all(channel, queue) == []


def test_unbind_of_no_binding_is_no_error(channel, exchange, bound):
    channel.queue_unbind(bound(""), exchange("direct"), "key")


@pytest.mark.parametrize("what", ["queue", "exchange"])
def test_bind_of_what_is_missing(channel, exchange, bound, name, what):
    missing = name()
    queue, source = (missing, exchange("direct")) if what == "queue" else (bound(""), missing)
    with channel_closed(404, f"NOT_FOUND - no {what} '{missing}' in vhost '/'"):
        channel.queue_bind(queue, source, "key")


def test_deleting_a_queue_takes_its_bindings_along(channel, exchange, bound):
    logs = exchange("fanout")
    queue = bound(logs, "")
    channel.queue_delete(queue)
    channel.queue_declare(queue)
    channel.basic_publish(logs, "", b"lost")
    assert get_all(channel, queue) == []


def test_publish_to_a_missing_exchange_closes_the_channel(connection, channel, name):
    missing = name()
    channel.basic_publish(missing, "", b"lost")
    with channel_closed(404, f"NOT_FOUND - no exchange '{missing}' in vhost '/'"):
        channel.queue_declare("", exclusive=True)
    assert connection.channel().is_open


def test_exchange_to_exchange(channel, exchange, bound):
    source, middle = exchange("topic"), exchange("fanout")
    channel.exchange_bind(middle, source, "orders.#")
    queue = bound(middle, "")
    channel.basic_publish(source, "orders.new", b"1")
    channel.basic_publish(source, "other", b"lost")
    deliveries = get_all(channel, queue)
    assert bodies(deliveries) == [b"1"]
    assert (deliveries[0].method.exchange, deliveries[0].method.routing_key) == (source, "orders.new")
    channel.exchange_unbind(middle, source, "orders.#")
    channel.basic_publish(source, "orders.new", b"lost")
    assert get_all(channel, queue) == []


def test_exchanges_in_a_ring_deliver_once(channel, exchange, bound):
    ring = [exchange("fanout") for _ in range(3)]
    for source, destination in zip(ring, ring[1:] + ring[:1]):
        channel.exchange_bind(destination, source)
    queue = bound(ring[1], "")
    channel.queue_bind(queue, ring[2])
    channel.basic_publish(ring[0], "", b"once")
    assert bodies(get_all(channel, queue)) == [b"once"]


def test_alternate_exchange_takes_what_no_binding_takes(channel, exchange, bound):
    unrouted = exchange("fanout")
    orders = exchange("direct", arguments={"alternate-exchange": unrouted})
    taken, rest = bound(orders, "new"), bound(unrouted, "")
    channel.basic_publish(orders, "new", b"1")
    channel.basic_publish(orders, "other", b"2")
    assert bodies(get_all(channel, taken)) == [b"1"]
    assert bodies(get_all(channel, rest)) == [b"2"]


def test_cc_and_bcc_route_further(channel, bound):
    queues = [bound("") for _ in range(3)]
    headers = {"CC": [queues[1]], "BCC": [queues[2]]}
    channel.basic_publish("", queues[0], b"1", BasicProperties(headers=headers))
    for queue in queues:
        (delivery,) = get_all(channel, queue)
        assert delivery.properties.headers == {"CC": [queues[1]]}
