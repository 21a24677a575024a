"""queue.declare, queue.delete and queue.purge: who may, what must match, what is said otherwise."""

import time

import pytest

from amqp_client.deliveries import bodies, channel_closed, depth, get_all, publish, wait_for_depth


def test_declare_answers_name_and_counts(channel, name):
    queue = name()
    ok = channel.queue_declare(queue).method
    assert (ok.queue, ok.message_count, ok.consumer_count) == (queue, 0, 0)


def test_declare_is_idempotent(channel, name):
    queue = name()
    for _ in range(3):
        channel.queue_declare(queue, durable=True)
    channel.confirm_delivery()
    publish(channel, queue, b"1", b"2")
    assert channel.queue_declare(queue, durable=True).method.message_count == 2


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("auto_delete", [False, True])
@pytest.mark.parametrize("exclusive", [False, True])
def test_every_kind_can_be_declared_twice(channel, name, durable, auto_delete, exclusive):
    queue = name()
    for _ in range(2):
        channel.queue_declare(queue, durable=durable, auto_delete=auto_delete, exclusive=exclusive)


MISMATCHES = [
    ({"durable": False}, {"durable": True}, "durable", "'true' but current is 'false'"),
    ({"durable": True}, {"durable": False}, "durable", "'false' but current is 'true'"),
    ({}, {"auto_delete": True}, "auto_delete", "'true' but current is 'false'"),
    ({"auto_delete": True}, {}, "auto_delete", "'false' but current is 'true'"),
]


@pytest.mark.parametrize("first, second, argument, difference", MISMATCHES)
def test_mismatch(channel, name, first, second, argument, difference):
    queue = name()
    channel.queue_declare(queue, **first)
    text = f"PRECONDITION_FAILED - inequivalent arg '{argument}' for queue '{queue}' in vhost '/': received {difference}"
    with channel_closed(406, text):
        channel.queue_declare(queue, **second)


ARGUMENT_MISMATCHES = [
    ({}, {"x-message-ttl": 1000}, "x-message-ttl",
     "the value '1000' of type 'signedint' but current is none"),
    ({"x-message-ttl": 1000}, {}, "x-message-ttl",
     "none but current is the value '1000' of type 'signedint'"),
    ({"x-message-ttl": 1000}, {"x-message-ttl": 2000}, "x-message-ttl",
     "'2000' but current is '1000'"),
    ({"x-max-length": 5}, {"x-max-length": 6}, "x-max-length", "'6' but current is '5'"),
    ({"x-dead-letter-exchange": "a"}, {"x-dead-letter-exchange": "b"}, "x-dead-letter-exchange",
     "'b' but current is 'a'"),
]


@pytest.mark.parametrize("first, second, argument, difference", ARGUMENT_MISMATCHES)
def test_argument_mismatch(channel, name, first, second, argument, difference):
    queue = name()
    channel.queue_declare(queue, arguments=first)
    text = f"PRECONDITION_FAILED - inequivalent arg '{argument}' for queue '{queue}' in vhost '/': received {difference}"
    with channel_closed(406, text):
        channel.queue_declare(queue, arguments=second)


def test_server_named(channel):
    first = channel.queue_declare("", exclusive=True).method.queue
    second = channel.queue_declare("", exclusive=True).method.queue
    for queue in (first, second):
        assert queue.startswith("amq.gen-")
        assert len(queue) == len("amq.gen-") + 22
    assert first != second


def test_a_server_name_may_be_declared_again_passively(channel):
    queue = channel.queue_declare("", exclusive=True).method.queue
    assert channel.queue_declare(queue, passive=True).method.queue == queue


def test_an_empty_name_means_the_last_declared_queue(channel):
    queue = channel.queue_declare("", exclusive=True).method.queue
    publish(channel, queue, b"1")
    assert channel.basic_get("", auto_ack=True)[2] == b"1"
    channel.queue_bind("", "amq.fanout")
    channel.basic_publish("amq.fanout", "", b"2")
    assert channel.queue_purge("").method.message_count == 1


def test_an_empty_name_without_a_declared_queue(channel):
    with channel_closed(404, "NOT_FOUND - no previously declared queue"):
        channel.basic_get("")


def test_reserved_prefix(channel):
    with channel_closed(403, "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'"):
        channel.queue_declare("amq.mine")


def test_passive_finds_the_queue_whatever_its_flags(channel, name):
    queue = name()
    channel.queue_declare(queue, durable=True)
    channel.confirm_delivery()
    publish(channel, queue, b"1")
    ok = channel.queue_declare(queue, passive=True, durable=False).method
    assert (ok.queue, ok.message_count, ok.consumer_count) == (queue, 1, 0)


def test_passive_not_found(channel):
    with channel_closed(404, "NOT_FOUND - no queue 'no-such-queue' in vhost '/'"):
        channel.queue_declare("no-such-queue", passive=True)


def test_names_may_be_long_and_not_ascii(channel, name):
    for queue in (name("größe-📬 with spaces"), name("x" * 240)):
        assert channel.queue_declare(queue).method.queue == queue
        publish(channel, queue, b"1")
        assert bodies(get_all(channel, queue)) == [b"1"]


LOCKED = (
    "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{}' in vhost '/'. "
    "It could be originally declared on another connection or the exclusive property value "
    "does not match that of the original declaration."
)


@pytest.mark.parametrize(
    "attempt",
    [
        lambda channel, queue: channel.queue_declare(queue, exclusive=True),
        lambda channel, queue: channel.queue_declare(queue),
        lambda channel, queue: channel.queue_declare(queue, passive=True),
        lambda channel, queue: channel.basic_consume(queue, lambda *_: None),
        lambda channel, queue: channel.basic_get(queue),
        lambda channel, queue: channel.queue_purge(queue),
        lambda channel, queue: channel.queue_delete(queue),
        lambda channel, queue: channel.queue_bind(queue, "amq.fanout"),
    ],
    ids=["declare", "declare not exclusive", "passive", "consume", "get", "purge", "delete", "bind"],
)
def test_exclusive_to_another_connection(connect, channel, name, attempt):
    queue = name()
    channel.queue_declare(queue, exclusive=True)
    other = connect().channel()
    with channel_closed(405, LOCKED.format(queue)):
        attempt(other, queue)


def test_anyone_may_publish_to_an_exclusive_queue(connect, channel, name):
    queue = name()
    channel.queue_declare(queue, exclusive=True)
    other = connect().channel()
    other.confirm_delivery()
    publish(other, queue, b"1")
    assert len(get_all(channel, queue)) == 1


def test_an_exclusive_queue_ends_with_its_connection(connect, channel, name):
    queue = name()
    owner = connect()
    owner.channel().queue_declare(queue, exclusive=True)
    owner.close()
    with channel_closed(404, f"NOT_FOUND - no queue '{queue}' in vhost '/'"):
        channel.queue_declare(queue, passive=True)


def test_an_exclusive_queue_outlives_its_channel(connection, name):
    queue = name()
    first = connection.channel()
    first.queue_declare(queue, exclusive=True)
    first.close()
    connection.channel().queue_declare(queue, passive=True)


def test_auto_delete_ends_with_the_last_consumer(channel, connection, name):
    queue = name()
    channel.queue_declare(queue, auto_delete=True)
    tags = [channel.basic_consume(queue, lambda *_: None) for _ in range(2)]
    channel.basic_cancel(tags[0])
    assert depth(channel, queue) == (0, 1)
    channel.basic_cancel(tags[1])
    with channel_closed(404, f"NOT_FOUND - no queue '{queue}' in vhost '/'"):
        channel.queue_declare(queue, passive=True)


def test_auto_delete_waits_for_its_first_consumer(connect, channel, name):
    queue = name()
    owner = connect()
    owner.channel().queue_declare(queue, auto_delete=True)
    owner.close()
    assert depth(channel, queue) == (0, 0)


def test_auto_delete_when_the_consumer_dies(connect, connection, channel, name):
    queue = name()
    channel.queue_declare(queue, auto_delete=True)
    other = connect()
    other.channel().basic_consume(queue, lambda *_: None)
    other.close()
    deadline = time.monotonic() + 5
    with channel_closed(404, f"NOT_FOUND - no queue '{queue}' in vhost '/'"):
        while time.monotonic() < deadline:
            channel.queue_declare(queue, passive=True)


def test_delete_answers_what_was_in_it(channel, queue):
    publish(channel, queue, b"1", b"2", b"3")
    assert channel.queue_delete(queue).method.message_count == 3
    with channel_closed(404, f"NOT_FOUND - no queue '{queue}' in vhost '/'"):
        channel.queue_declare(queue, passive=True)


def test_delete_of_no_queue_is_no_error(channel):
    assert channel.queue_delete("no-such-queue").method.message_count == 0


def test_delete_if_unused(connect, channel, queue):
    tag = channel.basic_consume(queue, lambda *_: None)
    other = connect().channel()
    with channel_closed(406, f"PRECONDITION_FAILED - queue '{queue}' in vhost '/' in use"):
        other.queue_delete(queue, if_unused=True)
    channel.basic_cancel(tag)
    channel.queue_delete(queue, if_unused=True)


def test_delete_if_empty(connect, channel, queue):
    channel.confirm_delivery()
    publish(channel, queue, b"1")
    other = connect().channel()
    with channel_closed(406, f"PRECONDITION_FAILED - queue '{queue}' in vhost '/' not empty"):
        other.queue_delete(queue, if_empty=True)
    channel.queue_purge(queue)
    channel.queue_delete(queue, if_empty=True)


def test_a_deleted_queue_comes_back_empty(channel, queue):
    publish(channel, queue, b"1")
    channel.queue_delete(queue)
    assert channel.queue_declare(queue, durable=True).method.message_count == 0


def test_purge_answers_how_many(channel, queue):
    publish(channel, queue, b"1", b"2", b"3")
    assert channel.queue_purge(queue).method.message_count == 3
    assert depth(channel, queue) == (0, 0)
    assert channel.queue_purge(queue).method.message_count == 0


def test_purge_leaves_what_is_unacknowledged(connect, queue):
    connection = connect()
    channel = connection.channel()
    publish(channel, queue, b"held", b"ready", b"ready")
    channel.basic_get(queue)
    assert channel.queue_purge(queue).method.message_count == 2
    connection.close()
    other = connect().channel()
    wait_for_depth(other, queue, 1)
    assert get_all(other, queue)[0].body == b"held"


def test_purge_not_found(channel):
    with channel_closed(404, "NOT_FOUND - no queue 'no-such-queue' in vhost '/'"):
        channel.queue_purge("no-such-queue")


@pytest.mark.parametrize(
    "argument, value, reason",
    [
        ("x-message-ttl", -1, "{value_negative,-1}"),
        ("x-message-ttl", "ten", '"expected integer, got longstr"'),
        ("x-expires", 0, "{value_zero,0}"),
        ("x-max-length", -5, "{value_negative,-5}"),
        ("x-max-priority", 256, "{max_value_exceeded,256}"),
    ],
)
def test_bad_arguments(channel, name, argument, value, reason):
    queue = name()
    text = f"PRECONDITION_FAILED - invalid arg '{argument}' for queue '{queue}' in vhost '/': {reason}"
    with channel_closed(406, text):
        channel.queue_declare(queue, arguments={argument: value})


def test_an_unknown_argument_is_kept_and_ignored(channel, name):
    queue = name()
    for _ in range(2):
        channel.queue_declare(queue, arguments={"x-nobody-knows": "this"})
