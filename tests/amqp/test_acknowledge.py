"""ack, nack, reject and recover: what is gone, what comes back, where, and how it is marked."""

import pytest

from amqp_client.deliveries import (
    Inbox, bodies, channel_closed, connection_closed, depth, get_all, publish, wait_for, wait_for_depth,
)

FIVE = [b"1", b"2", b"3", b"4", b"5"]


@pytest.fixture
def held(connect, channel, queue):
    """A channel that holds five unacknowledged deliveries, tags 1 to 5, and its connection."""
    connection, inbox = connect(), Inbox()
    holder = connection.channel()
    publish(channel, queue, *FIVE)
    tag = holder.basic_consume(queue, inbox)
    wait_for(connection, inbox, 5)
    holder.basic_cancel(tag)
    return holder


def remaining(holder, queue):
    """What comes back when the holder lets go of everything it has not answered for."""
    connection = holder.connection
    if holder.is_open:
        holder.close()
    return bodies(get_all(connection.channel(), queue))


ANSWERS = [
    ("one", lambda held: held.basic_ack(3), [b"1", b"2", b"4", b"5"]),
    ("multiple", lambda held: held.basic_ack(3, multiple=True), [b"4", b"5"]),
    ("multiple, then one", lambda held: (held.basic_ack(2, multiple=True), held.basic_ack(4)), [b"3", b"5"]),
    ("all by tag 0", lambda held: held.basic_ack(0, multiple=True), []),
    ("out of order", lambda held: [held.basic_ack(tag) for tag in (5, 1, 3)], [b"2", b"4"]),
    ("nack drops", lambda held: held.basic_nack(2, requeue=False), [b"1", b"3", b"4", b"5"]),
    ("nack multiple drops", lambda held: held.basic_nack(2, multiple=True, requeue=False), [b"3", b"4", b"5"]),
    ("nack all drops", lambda held: held.basic_nack(0, multiple=True, requeue=False), []),
    ("reject drops", lambda held: held.basic_reject(4, requeue=False), [b"1", b"2", b"3", b"5"]),
    ("nothing", lambda held: None, FIVE),
]


@pytest.mark.parametrize("answer, left", [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_what_is_left(held, queue, answer, left):
    answer(held)
    assert remaining(held, queue) == left


REQUEUES = [
    ("nack", lambda held: held.basic_nack(3), [b"3"]),
    ("nack multiple", lambda held: held.basic_nack(3, multiple=True), [b"1", b"2", b"3"]),
    ("nack all", lambda held: held.basic_nack(0, multiple=True), FIVE),
    ("reject", lambda held: held.basic_reject(2), [b"2"]),
    ("out of order", lambda held: [held.basic_nack(tag) for tag in (5, 2, 4)], [b"2", b"4", b"5"]),
    ("recover", lambda held: held.basic_recover(requeue=True), FIVE),
]


@pytest.mark.parametrize("answer, back", [row[1:] for row in REQUEUES], ids=[row[0] for row in REQUEUES])
def test_requeue_puts_back_in_the_old_place(held, channel, queue, answer, back):
    publish(channel, queue, b"6")
    wait_for_depth(channel, queue, 1)
    answer(held)
    wait_for_depth(channel, queue, len(back) + 1)
    found = get_all(channel, queue)
    assert bodies(found) == back + [b"6"]
    assert [delivery.method.redelivered for delivery in found] == [True] * len(back) + [False]


def test_requeued_message_comes_to_the_same_consumer_again(connection, channel, queue):
    inbox = Inbox()
    channel.basic_consume(queue, inbox)
    publish(channel, queue, b"1")
    for attempt in range(1, 6):
        wait_for(connection, inbox, attempt)
        channel.basic_nack(inbox[-1].tag)
    wait_for(connection, inbox, 6)
    assert [delivery.tag for delivery in inbox] == [1, 2, 3, 4, 5, 6]
    assert [delivery.method.redelivered for delivery in inbox] == [False] + [True] * 5


UNKNOWN_TAGS = [
    ("ack", lambda held: held.basic_ack(99), 99),
    ("ack twice", lambda held: (held.basic_ack(2), held.basic_ack(2)), 2),
    ("ack under multiple", lambda held: (held.basic_ack(3, multiple=True), held.basic_ack(1)), 1),
    ("ack multiple", lambda held: held.basic_ack(99, multiple=True), 99),
    ("nack", lambda held: held.basic_nack(99), 99),
    ("reject", lambda held: held.basic_reject(99), 99),
    ("tag 0 without multiple", lambda held: held.basic_ack(0), 0),
    ("large tag", lambda held: held.basic_ack(2**63), 2**63),
]


@pytest.mark.parametrize("answer, tag", [row[1:] for row in UNKNOWN_TAGS], ids=[row[0] for row in UNKNOWN_TAGS])
def test_unknown_delivery_tag(held, queue, answer, tag):
    answer(held)
    with channel_closed(406, f"PRECONDITION_FAILED - unknown delivery tag {tag}"):
        held.queue_declare(queue, passive=True)


def test_unknown_tag_gives_back_the_unacknowledged(held, channel, queue):
    held.basic_ack(1)
    held.basic_ack(99)
    with channel_closed(406, "PRECONDITION_FAILED - unknown delivery tag 99"):
        held.queue_declare(queue, passive=True)
    wait_for_depth(channel, queue, 4)
    assert bodies(get_all(channel, queue)) == FIVE[1:]


def test_ack_all_of_nothing_is_no_error(channel, queue):
    channel.basic_ack(0, multiple=True)
    assert depth(channel, queue) == (0, 0)


def test_tags_of_one_channel_are_unknown_to_another(held, connect, queue):
    other = connect().channel()
    other.basic_ack(1)
    with channel_closed(406, "PRECONDITION_FAILED - unknown delivery tag 1"):
        other.queue_declare(queue, passive=True)


def test_multiple_ack_spans_queues(connection, channel, name):
    queues, inbox = [name(), name()], Inbox()
    for queue in queues:
        channel.queue_declare(queue)
        channel.basic_consume(queue, inbox)
    for _ in range(3):
        for queue in queues:
            publish(channel, queue, b"x")
    wait_for(connection, inbox, 6)
    channel.basic_ack(inbox[-1].tag, multiple=True)
    channel.close()
    other = connection.channel()
    for queue in queues:
        assert get_all(other, queue) == []


def test_recover_without_requeue_is_not_implemented(held):
    with connection_closed(540, "NOT_IMPLEMENTED - requeue=false"):
        held.basic_recover(requeue=False)


def test_get_holds_and_gives_back(connect, channel, queue):
    publish(channel, queue, b"1", b"2")
    wait_for_depth(channel, queue, 2)
    holder = connect().channel()
    holder.basic_get(queue)
    assert depth(channel, queue) == (1, 0)
    holder.basic_nack(1)
    wait_for_depth(channel, queue, 2)
    found = get_all(channel, queue)
    assert bodies(found) == [b"1", b"2"]
    assert [delivery.method.redelivered for delivery in found] == [True, False]


def test_unacknowledged_messages_are_not_counted_as_ready(held, channel, queue):
    assert depth(channel, queue) == (0, 0)
    held.close()
    wait_for_depth(channel, queue, 5)


def test_acks_after_the_queue_is_gone_are_no_error(held, channel, queue):
    channel.queue_delete(queue)
    held.basic_ack(1)
    held.basic_nack(2)
    held.basic_ack(0, multiple=True)
    held.queue_declare("", exclusive=True)
