"""Queue arguments: message and queue TTL, length limits, dead letters, priorities, single active consumer."""

import time

import pytest

from amqp_client.deliveries import (
    Inbox, assert_silence, bodies, channel_closed, depth, get_all, publish, wait_for, wait_for_depth, wait_until,
)


@pytest.fixture
def declare(channel, name):
    """`declare({"x-max-length": 3})`: a new queue with these arguments."""

    def make(arguments=None, **flags):
        queue = name()
        channel.queue_declare(queue, durable=True, arguments=arguments, **flags)
        return queue

    return make


# Time to live.


def test_message_ttl_of_the_queue(channel, declare):
    queue = declare({"x-message-ttl": 200})
    publish(channel, queue, b"1", b"2")
    wait_for_depth(channel, queue, 2)
    time.sleep(0.3)
    assert get_all(channel, queue) == []


def test_expiration_of_the_message(channel, declare):
    queue = declare()
    publish(channel, queue, b"short", expiration="100")
    publish(channel, queue, b"long", expiration="60000")
    publish(channel, queue, b"unlimited")
    time.sleep(0.2)
    assert bodies(get_all(channel, queue)) == [b"long", b"unlimited"]


def test_the_shorter_ttl_counts(channel, declare):
    queue = declare({"x-message-ttl": 60_000})
    publish(channel, queue, b"1", expiration="50")
    time.sleep(0.15)
    assert get_all(channel, queue) == []


def test_ttl_zero_delivers_only_at_once(connection, channel, declare):
    queue, inbox = declare({"x-message-ttl": 0}), Inbox()
    publish(channel, queue, b"lost")
    channel.basic_consume(queue, inbox, auto_ack=True)
    publish(channel, queue, b"taken")
    wait_for(connection, inbox, 1)
    assert_silence(connection, inbox)
    assert inbox.bodies == [b"taken"]


def test_a_requeued_message_keeps_its_expiry(channel, declare):
    queue = declare({"x-message-ttl": 400})
    publish(channel, queue, b"1")
    wait_for_depth(channel, queue, 1)
    channel.basic_get(queue)
    channel.basic_nack(1)
    time.sleep(0.5)
    assert get_all(channel, queue) == []


def test_an_unacknowledged_message_does_not_expire(channel, declare):
    queue = declare({"x-message-ttl": 150})
    publish(channel, queue, b"1")
    wait_for_depth(channel, queue, 1)
    channel.basic_get(queue)
    time.sleep(0.3)
    channel.basic_ack(1)
    assert depth(channel, queue) == (0, 0)


def test_an_unused_queue_expires(channel, declare):
    queue = declare({"x-expires": 200})
    deadline = time.monotonic() + 5
    with channel_closed(404, f"NOT_FOUND - no queue '{queue}' in vhost '/'"):
        while time.monotonic() < deadline:
            time.sleep(0.5)  # a passive declare counts as use
            channel.queue_declare(queue, passive=True)


def test_a_consumer_keeps_its_queue(connection, channel, declare):
    queue = declare({"x-expires": 200})
    channel.basic_consume(queue, Inbox())
    connection.sleep(0.6)
    assert depth(channel, queue) == (0, 1)


# Length limits.


def test_max_length_drops_the_oldest(channel, declare):
    queue = declare({"x-max-length": 3})
    channel.confirm_delivery()
    publish(channel, queue, b"1", b"2", b"3", b"4", b"5")
    assert bodies(get_all(channel, queue)) == [b"3", b"4", b"5"]


def test_max_length_in_bytes(channel, declare):
    queue = declare({"x-max-length-bytes": 10})
    channel.confirm_delivery()
    publish(channel, queue, b"aaaa", b"bbbb", b"cccc")
    assert bodies(get_all(channel, queue)) == [b"bbbb", b"cccc"]


def test_max_length_counts_only_what_is_ready(channel, declare):
    queue = declare({"x-max-length": 2})
    channel.confirm_delivery()
    publish(channel, queue, b"held")
    channel.basic_get(queue)
    publish(channel, queue, b"1", b"2", b"3")
    assert depth(channel, queue) == (2, 0)


def test_overflow_reject_publish(channel, declare):
    from pika.exceptions import NackError

    queue = declare({"x-max-length": 2, "x-overflow": "reject-publish"})
    channel.confirm_delivery()
    publish(channel, queue, b"1", b"2")
    with pytest.raises(NackError):
        publish(channel, queue, b"3")
    assert bodies(get_all(channel, queue)) == [b"1", b"2"]


# Dead letters.


@pytest.fixture
def dead_letters(channel, name):
    """A fanout exchange and the queue that keeps what falls into it."""
    exchange, queue = name("dlx"), name("dead")
    channel.exchange_declare(exchange, "fanout")
    channel.queue_declare(queue)
    channel.queue_bind(queue, exchange)
    return exchange, queue


def death_of(channel, queue):
    wait_for_depth(channel, queue, 1)
    (delivery,) = get_all(channel, queue)
    return delivery


@pytest.mark.parametrize("answer", ["basic_nack", "basic_reject"])
def test_rejected(channel, declare, dead_letters, answer):
    exchange, dead = dead_letters
    queue = declare({"x-dead-letter-exchange": exchange})
    publish(channel, queue, b"1", headers={"kept": 7}, message_id="m")
    wait_for_depth(channel, queue, 1)
    channel.basic_get(queue)
    getattr(channel, answer)(1, requeue=False)
    delivery = death_of(channel, dead)
    headers = delivery.properties.headers
    assert (delivery.body, delivery.properties.message_id, headers["kept"]) == (b"1", "m", 7)
    assert (delivery.method.exchange, delivery.method.routing_key) == (exchange, queue)
    (death,) = headers["x-death"]
    assert (death["count"], death["reason"], death["queue"]) == (1, "rejected", queue)
    assert (death["exchange"], death["routing-keys"]) == ("", [queue])
    assert death["time"] is not None
    for key, value in (("reason", "rejected"), ("queue", queue), ("exchange", "")):
        assert headers[f"x-first-death-{key}"] == value


def test_expired(channel, declare, dead_letters):
    exchange, dead = dead_letters
    queue = declare({"x-dead-letter-exchange": exchange})
    publish(channel, queue, b"1", expiration="50")
    delivery = death_of(channel, dead)
    (death,) = delivery.properties.headers["x-death"]
    assert (death["reason"], death["original-expiration"]) == ("expired", "50")
    assert delivery.properties.expiration is None


def test_dropped_for_length(channel, declare, dead_letters):
    exchange, dead = dead_letters
    queue = declare({"x-dead-letter-exchange": exchange, "x-max-length": 1})
    publish(channel, queue, b"old", b"new")
    delivery = death_of(channel, dead)
    assert delivery.body == b"old"
    assert delivery.properties.headers["x-death"][0]["reason"] == "maxlen"


def test_dead_letter_routing_key(channel, declare):
    dead = declare()
    queue = declare({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead, "x-message-ttl": 0})
    publish(channel, queue, b"1")
    assert death_of(channel, dead).method.routing_key == dead


def test_deaths_are_counted(channel, declare, name):
    """The retry pattern: work is rejected, waits in a queue with a TTL, and comes back."""
    work, wait = name("work"), name("wait")
    back = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": work, "x-message-ttl": 50}
    channel.queue_declare(wait, arguments=back)
    channel.queue_declare(work, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": wait})
    publish(channel, work, b"1")
    for round_number in range(3):
        wait_for_depth(channel, work, 1)
        method, properties, _ = channel.basic_get(work)
        if round_number < 2:
            channel.basic_nack(method.delivery_tag, requeue=False)
    counts = {(death["queue"], death["reason"]): death["count"] for death in properties.headers["x-death"]}
    assert counts == {(work, "rejected"): 2, (wait, "expired"): 2}


def test_a_missing_dead_letter_exchange_loses_the_message(channel, declare):
    queue = declare({"x-dead-letter-exchange": "no-such-exchange", "x-max-length": 1})
    channel.confirm_delivery()
    publish(channel, queue, b"old", b"new")
    assert bodies(get_all(channel, queue)) == [b"new"]


def test_an_automatic_cycle_ends(channel, name):
    queue = name()
    cycle = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue, "x-message-ttl": 50}
    channel.queue_declare(queue, arguments=cycle)
    publish(channel, queue, b"1")
    wait_for_depth(channel, queue, 1)
    wait_for_depth(channel, queue, 0)


# Priorities.


def test_higher_priority_comes_first(channel, declare):
    queue = declare({"x-max-priority": 5})
    channel.confirm_delivery()
    for priority in (1, 5, None, 3, 9, 5):
        publish(channel, queue, b"%d" % (priority or 0), priority=priority)
    assert bodies(get_all(channel, queue)) == [b"5", b"9", b"5", b"3", b"1", b"0"]


def test_a_requeued_message_keeps_its_priority(channel, declare):
    queue = declare({"x-max-priority": 5})
    channel.confirm_delivery()
    publish(channel, queue, b"high", priority=5)
    publish(channel, queue, b"low", priority=1)
    channel.basic_get(queue)
    channel.basic_nack(1)
    wait_for_depth(channel, queue, 2)
    assert bodies(get_all(channel, queue)) == [b"high", b"low"]


# Single active consumer.


def test_single_active_consumer(connect, channel, declare):
    queue = declare({"x-single-active-consumer": True})
    first, second, inboxes = connect(), connect(), (Inbox(), Inbox())
    tag = first.channel().basic_consume(queue, inboxes[0], auto_ack=True)
    second.channel().basic_consume(queue, inboxes[1], auto_ack=True)
    publish(channel, queue, b"1", b"2")
    wait_for(first, inboxes[0], 2)
    assert_silence(second, inboxes[1])
    assert tag
    first.close()
    publish(channel, queue, b"3")
    wait_until(second, lambda: inboxes[1].bodies == [b"3"])


def test_single_active_consumer_is_not_exclusive(channel, declare):
    queue = declare({"x-single-active-consumer": True})
    with channel_closed(
        403, f"ACCESS_REFUSED - queue '{queue}' in vhost '/' in exclusive use"
    ):
        channel.basic_consume(queue, Inbox(), exclusive=True)


# Arguments are durable.


def test_arguments_must_match_after_they_were_declared(channel, declare):
    queue = declare({"x-max-length": 3, "x-message-ttl": 1000})
    channel.queue_declare(queue, durable=True, arguments={"x-message-ttl": 1000, "x-max-length": 3})
