"""AMQP.PUBLISH: a message from a RESP client, committed together with the writes beside it."""

import threading
import time

import pika
import pytest
import redis

pytestmark = pytest.mark.warren_only


def channel_of(server):
    return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.amqp_port)).channel()


@pytest.fixture
def channel(shared_server):
    channel = channel_of(shared_server)
    yield channel
    if channel.connection.is_open:
        channel.connection.close()


@pytest.fixture
def client(shared_server):
    with redis.Redis(port=shared_server.resp_port, decode_responses=True) as client:
        client.flushall()
        yield client


def test_a_message_reaches_every_bound_queue(channel, client):
    channel.exchange_declare("bridge-fanout", "fanout")
    queues = [channel.queue_declare("", exclusive=True).method.queue for _ in range(3)]
    for queue in queues:
        channel.queue_bind(queue, "bridge-fanout")
    assert client.execute_command("AMQP.PUBLISH", "bridge-fanout", "any", "hello") == 3
    for queue in queues:
        _, _, body = channel.basic_get(queue, auto_ack=True)
        assert body == b"hello"
    channel.exchange_delete("bridge-fanout")


def test_the_default_exchange_and_nobody_there(channel, client):
    queue = channel.queue_declare("", exclusive=True).method.queue
    assert client.execute_command("AMQP.PUBLISH", "", queue, b"\x00\xff") == 1
    assert client.execute_command("AMQP.PUBLISH", "", "no-such-queue", "x") == 0
    assert channel.basic_get(queue, auto_ack=True)[2] == b"\x00\xff"


def test_a_waiting_consumer_gets_it(channel, client):
    queue = channel.queue_declare("", exclusive=True).method.queue
    received = []
    channel.basic_consume(queue, lambda _c, _m, _p, body: received.append(body), auto_ack=True)
    client.execute_command("AMQP.PUBLISH", "", queue, "x")
    channel.connection.process_data_events(time_limit=5)
    assert received == [b"x"]


def test_errors(client):
    with pytest.raises(redis.ResponseError, match="NOT_FOUND.*no exchange 'no-such-exchange' in vhost '/'"):
        client.execute_command("AMQP.PUBLISH", "no-such-exchange", "k", "x")
    with pytest.raises(redis.ResponseError, match="wrong number of arguments for 'amqp.publish' command"):
        client.execute_command("AMQP.PUBLISH", "only-exchange")


def test_in_multi(channel, client):
    queue = channel.queue_declare("", exclusive=True).method.queue
    pipeline = client.pipeline()
    pipeline.set("order", "paid")
    pipeline.execute_command("AMQP.PUBLISH", "", queue, "order")
    pipeline.incr("orders")
    assert pipeline.execute() == [True, 1, 1]
    assert channel.basic_get(queue, auto_ack=True)[2] == b"order"


def test_a_discarded_transaction_publishes_nothing(channel, client):
    queue = channel.queue_declare("", exclusive=True).method.queue
    client.set("watched", 1)
    with client.pipeline() as pipeline:
        pipeline.watch("watched")
        client.set("watched", 2)
        pipeline.multi()
        pipeline.execute_command("AMQP.PUBLISH", "", queue, "x")
        with pytest.raises(redis.WatchError):
            pipeline.execute()
    assert channel.basic_get(queue, auto_ack=True)[0] is None


def test_a_kill_takes_both_or_neither(new_server):
    """Transactions that count up and publish the count, killed in their midst: counter and messages agree."""
    server = new_server(appendfsync="everysec")
    setup = channel_of(server)
    setup.queue_declare("counts", durable=True)
    setup.connection.close()
    for _ in range(4):
        writer = threading.Thread(target=_count_until_the_end, args=(server.resp_port,))
        writer.start()
        time.sleep(0.15)
        server.kill()
        writer.join()
        server.start()
        channel = channel_of(server)
        found = channel.queue_declare("counts", passive=True).method.message_count
        with redis.Redis(port=server.resp_port) as client:
            assert int(client.get("count") or 0) == found > 0
        channel.connection.close()


def _count_until_the_end(port: int) -> None:
    with redis.Redis(port=port, retry=None) as client:
        try:
            while True:
                pipeline = client.pipeline().incr("count")
                pipeline.execute_command("AMQP.PUBLISH", "", "counts", "one")
                pipeline.execute()
        except (redis.RedisError, OSError):
            pass
