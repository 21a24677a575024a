"""tx.select, tx.commit, tx.rollback: publishes and acks of a channel take effect together or not at all."""

import pytest

from amqp_client.deliveries import Inbox, bodies, channel_closed, depth, get_all, publish, wait_for


@pytest.fixture
def transaction(connect):
    channel = connect().channel()
    channel.tx_select()
    return channel


def test_commit_publishes(transaction, channel, queue):
    publish(transaction, queue, b"1", b"2")
    assert depth(transaction, queue) == (0, 0)
    transaction.tx_commit()
    assert bodies(get_all(channel, queue)) == [b"1", b"2"]


def test_rollback_forgets(transaction, channel, queue):
    publish(transaction, queue, b"lost")
    transaction.tx_rollback()
    publish(transaction, queue, b"kept")
    transaction.tx_commit()
    assert bodies(get_all(channel, queue)) == [b"kept"]


def test_commit_acknowledges(transaction, channel, queue):
    inbox = Inbox()
    publish(channel, queue, b"1", b"2")
    transaction.basic_consume(queue, inbox)
    wait_for(transaction.connection, inbox, 2)
    transaction.basic_ack(1)
    transaction.tx_commit()
    connection = transaction.connection
    transaction.close()
    assert bodies(get_all(connection.channel(), queue)) == [b"2"]


def test_rollback_takes_back_an_ack(transaction, channel, queue):
    inbox = Inbox()
    publish(channel, queue, b"1")
    transaction.basic_consume(queue, inbox)
    wait_for(transaction.connection, inbox, 1)
    transaction.basic_ack(1)
    transaction.tx_rollback()
    transaction.basic_ack(1)
    transaction.tx_commit()
    connection = transaction.connection
    transaction.close()
    assert get_all(connection.channel(), queue) == []


def test_what_is_not_committed_is_lost_with_the_channel(transaction, channel, queue):
    publish(transaction, queue, b"lost")
    transaction.close()
    assert get_all(channel, queue) == []


def test_an_uncommitted_ack_gives_the_message_back(transaction, channel, queue):
    publish(channel, queue, b"1")
    while transaction.basic_get(queue)[0] is None:
        pass
    transaction.basic_ack(1)
    connection = transaction.connection
    transaction.close()
    assert bodies(get_all(connection.channel(), queue)) == [b"1"]


def test_commit_starts_the_next_transaction(transaction, channel, queue):
    for body in (b"1", b"2", b"3"):
        publish(transaction, queue, body)
        transaction.tx_commit()
    assert bodies(get_all(channel, queue)) == [b"1", b"2", b"3"]


@pytest.mark.parametrize("method", ["tx_commit", "tx_rollback"])
def test_without_select(channel, method):
    with channel_closed(406, "PRECONDITION_FAILED - channel is not transactional"):
        getattr(channel, method)()


def test_confirms_and_transactions_exclude_each_other(connection):
    transactional, confirming = connection.channel(), connection.channel()
    transactional.tx_select()
    with channel_closed(406, "PRECONDITION_FAILED - cannot switch from tx to confirm mode"):
        transactional.confirm_delivery()
    confirming.confirm_delivery()
    with channel_closed(406, "PRECONDITION_FAILED - cannot switch from confirm to tx mode"):
        confirming.tx_select()


def test_a_publish_to_a_missing_exchange_is_refused_before_the_commit(transaction, name):
    missing = name()
    transaction.basic_publish(missing, "", b"lost")
    with channel_closed(404, f"NOT_FOUND - no exchange '{missing}' in vhost '/'"):
        transaction.tx_commit()


def test_mandatory_returns_come_with_the_commit(transaction):
    returned = []
    transaction.add_on_return_callback(lambda *arguments: returned.append(arguments[-1]))
    transaction.basic_publish("", "no-such-queue", b"back", mandatory=True)
    transaction.connection.process_data_events(time_limit=0.1)
    assert returned == []
    transaction.tx_commit()
    transaction.connection.process_data_events(time_limit=0.1)
    assert returned == [b"back"]
