"""basic.consume and basic.cancel: who gets what, in which order, and what ends a consumer."""

import pika
import pytest

from amqp_client.deliveries import (
    Inbox, assert_silence, bodies, channel_closed, connection_closed, depth, die, get_all, publish, wait_for,
    wait_for_depth, wait_until,
)


def test_delivery_says_where_it_came_from(connection, channel, queue):
    inbox = Inbox()
    tag = channel.basic_consume(queue, inbox)
    publish(channel, queue, b"1")
    wait_for(connection, inbox, 1)
    method = inbox[0].method
    assert (method.consumer_tag, method.delivery_tag, method.redelivered) == (tag, 1, False)
    assert (method.exchange, method.routing_key) == ("", queue)


def test_delivery_tags_count_per_channel(connection, queue, name):
    first, second, inboxes = connection.channel(), connection.channel(), (Inbox(), Inbox())
    other = name()
    first.queue_declare(other)
    first.basic_consume(queue, inboxes[0])
    second.basic_consume(other, inboxes[1])
    publish(first, queue, b"1", b"2")
    publish(first, other, b"3")
    wait_for(connection, inboxes[0], 2)
    wait_for(connection, inboxes[1], 1)
    assert [delivery.tag for delivery in inboxes[0]] == [1, 2]
    assert [delivery.tag for delivery in inboxes[1]] == [1]


def test_messages_that_waited_come_first(connection, channel, queue):
    publish(channel, queue, b"1", b"2")
    inbox = Inbox()
    channel.basic_consume(queue, inbox, auto_ack=True)
    publish(channel, queue, b"3")
    wait_for(connection, inbox, 3)
    assert inbox.bodies == [b"1", b"2", b"3"]


def test_consumers_take_turns(connect, channel, queue):
    consumers = []
    for _ in range(2):
        connection, inbox = connect(), Inbox()
        connection.channel().basic_consume(queue, inbox, auto_ack=True)
        consumers.append((connection, inbox))
    publish(channel, queue, *[b"%d" % number for number in range(10)])
    for connection, inbox in consumers:
        wait_for(connection, inbox, 5)
    assert sorted(consumers[0][1].bodies + consumers[1][1].bodies) == [b"%d" % number for number in range(10)]
    assert [int(body) % 2 for body in consumers[0][1].bodies] in ([0] * 5, [1] * 5)


def test_a_tag_of_the_client(channel, queue):
    assert channel.basic_consume(queue, Inbox(), consumer_tag="mine") == "mine"


def test_a_tag_is_taken_only_once_per_channel(connection, queue):
    first, second = connection.channel(), connection.channel()
    for channel in (first, second):
        channel.basic_consume(queue, Inbox(), consumer_tag="mine")
    first._impl._send_method(pika.spec.Basic.Consume(queue=queue, consumer_tag="mine"))
    with connection_closed(530, "NOT_ALLOWED - attempt to reuse consumer tag 'mine'"):
        first.queue_declare(queue, passive=True)


def test_consume_from_a_missing_queue(channel):
    with channel_closed(404, "NOT_FOUND - no queue 'no-such-queue' in vhost '/'"):
        channel.basic_consume("no-such-queue", Inbox())


def test_cancel_stops_deliveries_and_keeps_the_rest(connection, channel, queue):
    inbox = Inbox()
    tag = channel.basic_consume(queue, inbox, auto_ack=True)
    publish(channel, queue, b"1")
    wait_for(connection, inbox, 1)
    channel.basic_cancel(tag)
    publish(channel, queue, b"2")
    wait_for_depth(channel, queue, 1)
    assert inbox.bodies == [b"1"]
    assert depth(channel, queue) == (1, 0)


def test_cancel_leaves_deliveries_unacknowledged(connection, channel, queue):
    inbox = Inbox()
    tag = channel.basic_consume(queue, inbox)
    publish(channel, queue, b"1")
    wait_for(connection, inbox, 1)
    channel.basic_cancel(tag)
    assert depth(channel, queue) == (0, 0)
    channel.basic_ack(inbox[0].tag)
    channel.close()
    assert get_all(connection.channel(), queue) == []


def test_exclusive_consumer(connect, channel, queue):
    tag = channel.basic_consume(queue, Inbox(), exclusive=True)
    other = connect()
    with channel_closed(403, f"ACCESS_REFUSED - queue '{queue}' in vhost '/' in exclusive use"):
        other.channel().basic_consume(queue, Inbox())
    channel.basic_cancel(tag)
    other.channel().basic_consume(queue, Inbox())


def test_exclusive_beside_another_consumer(connect, channel, queue):
    channel.basic_consume(queue, Inbox())
    with channel_closed(403, f"ACCESS_REFUSED - queue '{queue}' in vhost '/' in exclusive use"):
        connect().channel().basic_consume(queue, Inbox(), exclusive=True)


def test_no_ack_takes_messages_at_once(connect, connection, channel, queue):
    inbox = Inbox()
    channel.basic_consume(queue, inbox, auto_ack=True)
    publish(channel, queue, b"1", b"2")
    wait_for(connection, inbox, 2)
    channel.close()
    assert depth(connect().channel(), queue) == (0, 0)


def test_ack_of_a_no_ack_delivery(connection, channel, queue):
    inbox = Inbox()
    channel.basic_consume(queue, inbox, auto_ack=True)
    publish(channel, queue, b"1")
    wait_for(connection, inbox, 1)
    channel.basic_ack(1)
    with channel_closed(406, "PRECONDITION_FAILED - unknown delivery tag 1"):
        channel.queue_declare(queue, passive=True)


def test_death_gives_the_message_to_another_marked_redelivered(connect, queue):
    dying, living, inboxes = connect(), connect(), (Inbox(), Inbox())
    first = dying.channel()
    first.basic_consume(queue, inboxes[0])
    publish(first, queue, b"1", b"2", b"3")
    wait_for(dying, inboxes[0], 3)
    living.channel().basic_consume(queue, inboxes[1])
    assert_silence(living, inboxes[1])
    die(dying)
    wait_for(living, inboxes[1], 3)
    assert inboxes[1].bodies == [b"1", b"2", b"3"]
    assert all(delivery.method.redelivered for delivery in inboxes[1])


@pytest.mark.parametrize("end", ["close connection", "close channel", "die"])
def test_death_puts_messages_back_in_their_old_place(connect, channel, queue, end):
    dying, inbox = connect(), Inbox()
    doomed = dying.channel()
    doomed.basic_qos(prefetch_count=3)
    doomed.basic_consume(queue, inbox)
    publish(channel, queue, *[b"%d" % number for number in range(6)])
    wait_for(dying, inbox, 3)
    doomed.basic_ack(inbox[1].tag)
    wait_for(dying, inbox, 4)
    {"close connection": dying.close, "close channel": doomed.close, "die": lambda: die(dying)}[end]()
    wait_for_depth(channel, queue, 5)
    found = get_all(channel, queue)
    assert bodies(found) == [b"0", b"2", b"3", b"4", b"5"]
    assert [delivery.method.redelivered for delivery in found] == [True, True, True, False, False]


def test_cancel_notification_when_the_queue_is_deleted(connect, connection, channel, queue):
    cancelled = []
    channel.add_on_cancel_callback(cancelled.append)
    tag = channel.basic_consume(queue, Inbox())
    connect().channel().queue_delete(queue)
    wait_until(connection, lambda: cancelled)
    assert cancelled[0].method.consumer_tag == tag
    assert channel.is_open


def test_no_cancel_notification_without_the_capability(connect, name):
    """A client that does not know `consumer_cancel_notify` sees nothing, and its channel lives."""
    plain = connect(client_properties={"capabilities": {"consumer_cancel_notify": False}})
    channel, cancelled, queue = plain.channel(), [], name()
    channel.queue_declare(queue)
    channel.add_on_cancel_callback(cancelled.append)
    channel.basic_consume(queue, Inbox())
    connect().channel().queue_delete(queue)
    plain.sleep(0.3)
    assert cancelled == [] and channel.is_open


def test_consumer_priority(connect, channel, queue):
    low, high, inboxes = connect(), connect(), (Inbox(), Inbox())
    low.channel().basic_consume(queue, inboxes[0], auto_ack=True)
    high.channel().basic_consume(queue, inboxes[1], auto_ack=True, arguments={"x-priority": 10})
    publish(channel, queue, b"1", b"2", b"3")
    wait_for(high, inboxes[1], 3)
    assert_silence(low, inboxes[0])


def test_direct_reply_to(connect, queue):
    """The RPC pattern without a reply queue: the answer finds the asking channel."""
    asking, inbox = connect(), Inbox()
    client = asking.channel()
    client.basic_consume("amq.rabbitmq.reply-to", inbox, auto_ack=True)
    publish(client, queue, b"2+2", reply_to="amq.rabbitmq.reply-to", correlation_id="7")
    server = connect().channel()
    for method, properties, _ in server.consume(queue, inactivity_timeout=5):
        assert properties.reply_to.startswith("amq.rabbitmq.reply-to.")
        publish(server, properties.reply_to, b"4", correlation_id=properties.correlation_id)
        server.basic_ack(method.delivery_tag)
        break
    wait_for(asking, inbox, 1)
    assert (inbox[0].body, inbox[0].properties.correlation_id) == (b"4", "7")


def test_generator_consumer(connect, channel, queue):
    publish(channel, queue, b"1", b"2", b"3")
    received = []
    consumer = connect().channel()
    for method, _, body in consumer.consume(queue, inactivity_timeout=5):
        received.append(body)
        consumer.basic_ack(method.delivery_tag)
        if len(received) == 2:
            break
    consumer.cancel()
    assert received == [b"1", b"2"]
    wait_for_depth(channel, queue, 1)


def test_start_and_stop_consuming(connect, channel, queue):
    received = []

    def callback(channel_, method, _properties, body):
        received.append(body)
        channel_.basic_ack(method.delivery_tag)
        if len(received) == 3:
            channel_.stop_consuming()

    publish(channel, queue, b"1", b"2", b"3")
    consumer = connect().channel()
    consumer.basic_consume(queue, callback)
    consumer.start_consuming()
    assert received == [b"1", b"2", b"3"]
    wait_for_depth(channel, queue, 0)
