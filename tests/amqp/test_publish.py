"""basic.publish and basic.get: bodies, properties, mandatory, confirms."""

import datetime
import decimal
import time

import pika
import pytest
from pika import BasicProperties, spec

from amqp_client.deliveries import bodies, channel_closed, get_all, publish


def get_one(channel, queue):
    """The message that was just published on this channel."""
    deadline = time.monotonic() + 5
    while True:
        method, properties, body = channel.basic_get(queue, auto_ack=True)
        if method is not None:
            return method, properties, body
        assert time.monotonic() < deadline


def test_get_from_an_empty_queue(channel, queue):
    assert channel.basic_get(queue) == (None, None, None)


def test_get_tells_where_the_message_came_from(channel, queue):
    channel.queue_bind(queue, "amq.direct", queue)
    channel.basic_publish("amq.direct", queue, b"1")
    method, _, _ = get_one(channel, queue)
    assert (method.exchange, method.routing_key) == ("amq.direct", queue)
    assert (method.redelivered, method.message_count) == (False, 0)


def test_get_counts_what_remains_and_numbers_deliveries(channel, queue):
    channel.confirm_delivery()
    publish(channel, queue, b"1", b"2", b"3")
    found = [channel.basic_get(queue)[0] for _ in range(3)]
    assert [method.message_count for method in found] == [2, 1, 0]
    assert [method.delivery_tag for method in found] == [1, 2, 3]


def test_get_from_a_missing_queue(channel):
    with channel_closed(404, "NOT_FOUND - no queue 'no-such-queue' in vhost '/'"):
        channel.basic_get("no-such-queue")


@pytest.mark.parametrize(
    "size", [0, 1, 4087, 4088, 4089, 4096, 131_064, 131_065, 1_000_000, 16 * 1024 * 1024]
)
@pytest.mark.parametrize("frame_max", [4096, 131_072])
def test_bodies_of_any_size(connect, name, size, frame_max):
    channel = connect(frame_max=frame_max).channel()
    queue = name()
    channel.queue_declare(queue)
    body = (b"0123456789abcdef-" * (size // 17 + 1))[:size]
    publish(channel, queue, body, b"after")
    assert get_one(channel, queue)[2] == body
    assert get_one(channel, queue)[2] == b"after"


def test_a_large_body_reaches_a_consumer_with_small_frames(connect, name):
    queue, body = name(), b"y" * 3_000_000
    sender, receiver = connect().channel(), connect(frame_max=4096).channel()
    sender.queue_declare(queue)
    publish(sender, queue, body)
    for _, _, received in receiver.consume(queue, auto_ack=True, inactivity_timeout=10):
        assert received == body
        break


def test_order_of_one_publisher_is_kept(channel, queue):
    sent = [b"%d" % number for number in range(2_000)]
    publish(channel, queue, *sent)
    channel.queue_declare(queue, passive=True)
    received = []
    for method, _, body in channel.consume(queue, auto_ack=True, inactivity_timeout=10):
        assert method is not None, f"{len(received)} of {len(sent)}"
        received.append(body)
        if len(received) == len(sent):
            break
    assert received == sent


ALL_PROPERTIES = dict(
    content_type="application/json",
    content_encoding="gzip",
    headers={"k": "v"},
    delivery_mode=2,
    priority=9,
    correlation_id="correlation",
    reply_to="reply",
    expiration="60000",
    message_id="message",
    timestamp=1_700_000_000,
    type="order",
    user_id="guest",
    app_id="app",
    cluster_id="cluster",
)


def test_all_properties_come_back(channel, queue):
    publish(channel, queue, b"1", **ALL_PROPERTIES)
    _, properties, _ = get_one(channel, queue)
    assert {key: getattr(properties, key) for key in ALL_PROPERTIES} == ALL_PROPERTIES


@pytest.mark.parametrize("absent", sorted(ALL_PROPERTIES))
def test_each_property_may_be_absent(channel, queue, absent):
    sent = {key: value for key, value in ALL_PROPERTIES.items() if key != absent}
    publish(channel, queue, b"1", **sent)
    _, properties, _ = get_one(channel, queue)
    assert {key: getattr(properties, key) for key in ALL_PROPERTIES} == {**sent, absent: None}


def test_no_properties_at_all(channel, queue):
    publish(channel, queue, b"1")
    _, properties, _ = get_one(channel, queue)
    assert all(getattr(properties, key) is None for key in ALL_PROPERTIES)


HEADERS = {
    "string": "größe",
    "empty": "",
    "bytes": b"\x00\xff",
    "true": True,
    "false": False,
    "small": 1,
    "negative": -5,
    "32 bits": 2**31 - 1,
    "64 bits": 2**62,
    "negative 64 bits": -(2**62),
    "decimal": decimal.Decimal("3.14"),
    "time": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
    "nothing": None,
    "list": [1, "two", [3, None], {"deep": True}],
    "table": {"nested": {"deeper": {"deepest": [1]}}},
    "empty list": [],
    "empty table": {},
    "long": "x" * 10_000,
}


@pytest.mark.parametrize("key", sorted(HEADERS))
def test_every_type_of_header_comes_back(channel, queue, key):
    publish(channel, queue, b"1", headers={key: HEADERS[key]})
    _, properties, _ = get_one(channel, queue)
    received = properties.headers[key]
    if key == "time":
        received = received.replace(tzinfo=datetime.timezone.utc)
    assert received == HEADERS[key]
    assert isinstance(received, type(HEADERS[key]))


def test_headers_larger_than_a_small_frame(connect, name):
    channel = connect(frame_max=131_072).channel()
    queue, headers = name(), {f"key-{number}": "v" * 100 for number in range(500)}
    channel.queue_declare(queue)
    publish(channel, queue, b"1", headers=headers)
    assert get_one(channel, queue)[1].headers == headers


def test_user_id_must_be_the_user(channel, queue):
    channel.confirm_delivery()
    text = "PRECONDITION_FAILED - user_id property set to 'nobody' but authenticated user was 'guest'"
    with channel_closed(406, text):
        publish(channel, queue, b"1", user_id="nobody")


def test_expiration_must_be_a_number(channel, queue):
    channel.confirm_delivery()
    with channel_closed(406, "PRECONDITION_FAILED - invalid expiration 'soon': no_integer"):
        publish(channel, queue, b"1", expiration="soon")


def test_confirms_of_pika(channel, queue):
    channel.confirm_delivery()
    for number in range(100):
        channel.basic_publish("", queue, b"%d" % number, BasicProperties(delivery_mode=2))
    assert channel.queue_declare(queue, passive=True).method.message_count == 100


def test_confirm_of_what_no_queue_takes(channel):
    channel.confirm_delivery()
    channel.basic_publish("", "no-such-queue", b"lost")
    channel.basic_publish("amq.fanout", "", b"lost")


def test_mandatory_and_unroutable_with_confirms(channel):
    channel.confirm_delivery()
    with pytest.raises(pika.exceptions.UnroutableError) as caught:
        channel.basic_publish("", "no-such-queue", b"back", BasicProperties(message_id="7"), mandatory=True)
    (returned,) = caught.value.messages
    assert returned.body == b"back"
    assert returned.properties.message_id == "7"
    assert (returned.method.reply_code, returned.method.reply_text) == (312, "NO_ROUTE")
    assert (returned.method.exchange, returned.method.routing_key) == ("", "no-such-queue")


def test_mandatory_and_routable(channel, queue):
    channel.confirm_delivery()
    channel.basic_publish("", queue, b"1", mandatory=True)
    assert bodies(get_all(channel, queue)) == [b"1"]


def test_mandatory_without_confirms(connection, channel):
    returned = []
    channel.add_on_return_callback(lambda *arguments: returned.append(arguments))
    for number in range(3):
        channel.basic_publish("", "no-such-queue", b"%d" % number * 5_000, mandatory=True)
    deadline = time.monotonic() + 5
    while len(returned) < 3 and time.monotonic() < deadline:
        connection.process_data_events(time_limit=0.1)
    assert [body for _, _, _, body in returned] == [b"%d" % number * 5_000 for number in range(3)]


def test_select_confirm_twice(channel, queue):
    impl = channel._impl
    for _ in range(2):
        channel._impl.confirm_delivery(lambda _method: None)
    assert impl.is_open
    channel.queue_declare(queue, passive=True)


class Listener:
    """Publishes without waiting and writes down what the broker says, in its order."""

    def __init__(self, connection):
        self.connection = connection
        self.channel = connection.channel()
        self.said = []
        impl = self.channel._impl
        impl.confirm_delivery(self._confirmed)
        impl.add_on_return_callback(lambda _channel, _method, _properties, body: self.said.append(("return", body)))
        connection.process_data_events(time_limit=0.1)

    def _confirmed(self, frame):
        method = frame.method
        assert isinstance(method, spec.Basic.Ack), method
        self.said.append(("ack", method.delivery_tag, method.multiple))

    def publish(self, exchange, key, body, **flags):
        self.channel._impl.basic_publish(exchange, key, body, **flags)

    def confirmed(self):
        """All tags the broker has answered for."""
        tags, highest = set(), 0
        for said in self.said:
            if said[0] == "ack":
                tags.update(range(highest + 1, said[1] + 1) if said[2] else [said[1]])
                highest = said[1] if said[2] else highest
        return tags

    def wait_for_tags(self, tags):
        deadline = time.monotonic() + 10
        while not tags <= self.confirmed():
            assert time.monotonic() < deadline, f"missing {sorted(tags - self.confirmed())[:10]}"
            self.connection.process_data_events(time_limit=0.05)


def test_every_message_is_confirmed_exactly_once(connect, queue):
    listener = Listener(connect())
    for number in range(1, 1001):
        listener.publish("", queue, b"%d" % number, properties=BasicProperties(delivery_mode=1 + number % 2))
    listener.wait_for_tags(set(range(1, 1001)))
    single = [said[1] for said in listener.said if not said[2]]
    assert len(single) == len(set(single))


def test_return_comes_before_its_ack(connect, queue):
    listener = Listener(connect())
    for number in range(1, 21):
        key = queue if number % 2 else "no-such-queue"
        listener.publish("", key, b"%d" % number, mandatory=True)
    listener.wait_for_tags(set(range(1, 21)))
    answered = set()
    for said in listener.said:
        if said[0] == "return":
            assert int(said[1]) not in answered, listener.said
        else:
            answered.update(range(1, said[1] + 1) if said[2] else [said[1]])
    assert [said[1] for said in listener.said if said[0] == "return"] == [b"%d" % n for n in range(2, 21, 2)]
