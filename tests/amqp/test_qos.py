"""basic.qos: how many unacknowledged messages a consumer, or a channel, may hold."""

import pytest

from amqp_client.deliveries import Inbox, assert_silence, connection_closed, publish, wait_for

MANY = [b"%d" % number for number in range(20)]


def test_prefetch_is_a_limit(connection, channel, queue):
    inbox = Inbox()
    channel.basic_qos(prefetch_count=3)
    channel.basic_consume(queue, inbox)
    publish(channel, queue, *MANY)
    wait_for(connection, inbox, 3)
    assert_silence(connection, inbox)
    channel.basic_ack(inbox[0].tag)
    wait_for(connection, inbox, 4)
    assert_silence(connection, inbox)
    channel.basic_ack(inbox[-1].tag, multiple=True)
    wait_for(connection, inbox, 7)
    assert_silence(connection, inbox)


@pytest.mark.parametrize("answer", ["basic_nack", "basic_reject"])
def test_dropped_messages_make_room(connection, channel, queue, answer):
    inbox = Inbox()
    channel.basic_qos(prefetch_count=1)
    channel.basic_consume(queue, inbox)
    publish(channel, queue, b"1", b"2")
    wait_for(connection, inbox, 1)
    getattr(channel, answer)(inbox[0].tag, requeue=False)
    wait_for(connection, inbox, 2)
    assert inbox.bodies == [b"1", b"2"]


def test_zero_is_no_limit(connection, channel, queue):
    inbox = Inbox()
    channel.basic_qos(prefetch_count=0)
    channel.basic_consume(queue, inbox)
    publish(channel, queue, *MANY)
    wait_for(connection, inbox, len(MANY))


def test_each_consumer_has_a_prefetch_of_its_own(connection, channel, queue):
    inboxes = Inbox(), Inbox()
    channel.basic_qos(prefetch_count=2)
    for inbox in inboxes:
        channel.basic_consume(queue, inbox)
    publish(channel, queue, *MANY)
    for inbox in inboxes:
        wait_for(connection, inbox, 2)
        assert_silence(connection, inbox)


def test_qos_holds_for_consumers_that_come_later(connection, channel, queue):
    inboxes = Inbox(), Inbox()
    channel.basic_qos(prefetch_count=2)
    channel.basic_consume(queue, inboxes[0])
    channel.basic_qos(prefetch_count=5)
    channel.basic_consume(queue, inboxes[1])
    publish(channel, queue, *MANY)
    wait_for(connection, inboxes[0], 2)
    wait_for(connection, inboxes[1], 5)
    assert_silence(connection, inboxes[0])
    assert_silence(connection, inboxes[1])


def test_global_is_shared_by_the_channel(connection, channel, queue):
    """RabbitMQ deprecates global qos and refuses it by default from its next release on."""
    inboxes = Inbox(), Inbox()
    channel.basic_qos(prefetch_count=3, global_qos=True)
    for inbox in inboxes:
        channel.basic_consume(queue, inbox)
    publish(channel, queue, *MANY)
    both = inboxes[0] + inboxes[1]
    while len(both) < 3:
        connection.process_data_events(time_limit=0.05)
        both = inboxes[0] + inboxes[1]
    assert_silence(connection, inboxes[0])
    assert_silence(connection, inboxes[1])
    assert len(inboxes[0] + inboxes[1]) == 3


def test_no_ack_consumers_have_no_prefetch(connection, channel, queue):
    inbox = Inbox()
    channel.basic_qos(prefetch_count=1)
    channel.basic_consume(queue, inbox, auto_ack=True)
    publish(channel, queue, *MANY)
    wait_for(connection, inbox, len(MANY))


def test_get_takes_no_notice_of_prefetch(channel, queue):
    channel.basic_qos(prefetch_count=1)
    channel.confirm_delivery()
    publish(channel, queue, b"1", b"2", b"3")
    assert [channel.basic_get(queue)[2] for _ in range(3)] == [b"1", b"2", b"3"]


def test_prefetch_size_is_not_implemented(channel):
    with connection_closed(540, "NOT_IMPLEMENTED - prefetch_size!=0 (10)"):
        channel.basic_qos(prefetch_size=10)


def test_a_slow_consumer_never_holds_more_than_one(connect, channel, queue):
    """Fair dispatch: with prefetch_count=1 the fast consumer works off what the slow one cannot."""
    (slow, slow_inbox), (fast, fast_inbox) = [(connect(), Inbox()) for _ in range(2)]
    for connection, inbox in ((slow, slow_inbox), (fast, fast_inbox)):
        worker = connection.channel()
        worker.basic_qos(prefetch_count=1)
        worker.basic_consume(queue, inbox)
    fast_channel = fast._impl._channels[1]
    publish(channel, queue, *MANY)
    wait_for(slow, slow_inbox, 1)
    acknowledged = 0
    while acknowledged < len(MANY) - 1:
        wait_for(fast, fast_inbox, acknowledged + 1)
        assert len(fast_inbox) == acknowledged + 1
        fast_channel.basic_ack(fast_inbox[-1].tag)
        acknowledged += 1
    assert_silence(slow, slow_inbox)
    assert sorted(slow_inbox.bodies + fast_inbox.bodies, key=int) == MANY


def test_one_consumer_at_its_limit_leaves_the_rest_ready(connect, channel, queue):
    connection, inbox = connect(), Inbox()
    worker = connection.channel()
    worker.basic_qos(prefetch_count=2)
    worker.basic_consume(queue, inbox)
    publish(channel, queue, *MANY[:5])
    wait_for(connection, inbox, 2)
    assert [channel.basic_get(queue, auto_ack=True)[2] for _ in range(3)] == MANY[2:5]
