"""A small file system filled to the brim and drained again: growth is refused, reads and removals go on, nothing is lost.

Needs root, for a tmpfs of its own; without it the tests are skipped and say so.
"""

import os
import subprocess
import time

import pika
import pytest
import redis
from pika.exceptions import AMQPConnectionError

pytestmark = [pytest.mark.warren_only, pytest.mark.slow, pytest.mark.timeout(180)]

DISK_SIZE_MEBIBYTES = 32
VALUE = "x" * 20_000
SEGMENT_SIZE = "4mb"


@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    path = tmp_path / "small-disk"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE_MEBIBYTES}m", "tmpfs", str(path)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.decode().strip()}")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.fixture
def server(new_server, small_disk):
    return new_server(data_dir=small_disk / "data", segment_size=SEGMENT_SIZE)


def client_of(server) -> redis.Redis:
    return redis.Redis(port=server.resp_port, decode_responses=True, socket_timeout=20)


def amqp_to(server) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.amqp_port))


def fill(client) -> int:
    """Writes until the server refuses; answers how many keys it took."""
    for number in range(DISK_SIZE_MEBIBYTES * 100):
        try:
            client.set(f"key:{number}", VALUE)
        except redis.ResponseError as error:
            assert str(error) == "MISCONF Errors writing to the AOF file: No space left on device"
            return number
    raise AssertionError("the disk took more than it can hold")


def wait_until_writable(client, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            client.set("probe", VALUE)
            return
        except redis.ResponseError:
            assert time.monotonic() < deadline, "room that was given back is not used"
            time.sleep(0.1)


def test_keys_fill_the_disk_and_drain_it(server):
    client = client_of(server)
    client.rpush("list", *range(100))
    count = fill(client)
    # What is there was taken from the disk before the refusals began, and most of the disk was.
    assert count * len(VALUE) > DISK_SIZE_MEBIBYTES * 1024 * 1024 / 2
    assert client.get("key:0") == VALUE and client.llen("list") == 100
    with pytest.raises(redis.ResponseError, match="MISCONF"):
        client.rpush("list", VALUE)
    with pytest.raises(redis.ResponseError, match="MISCONF"), client.pipeline() as pipeline:
        pipeline.lpop("list").set("in-multi", VALUE).execute()
    assert client.lpop("list") == "0" and client.expire("list", 1000)
    client.delete(*(f"key:{number}" for number in range(2, count)))
    wait_until_writable(client)
    assert fill(client) > count / 2, "the disk can be filled again"
    server.restart(kill=True)
    client = client_of(server)
    assert client.get("key:0") == VALUE and client.lrange("list", 0, 0) == ["1"] and client.ttl("list") > 900
    assert not client.exists("in-multi")


def test_messages_fill_the_disk_and_drain_it(server):
    publisher, consumer = amqp_to(server), amqp_to(server)
    told = []
    publisher.add_on_connection_blocked_callback(lambda _, method: told.append(method.method.reason))
    publisher.add_on_connection_unblocked_callback(lambda *_: told.append("unblocked"))
    channel = publisher.channel()
    channel.queue_declare("work", durable=True)
    channel.confirm_delivery()
    persistent = pika.BasicProperties(delivery_mode=2)
    confirmed = 0
    with pytest.raises(AMQPConnectionError) as refusal:
        while confirmed < DISK_SIZE_MEBIBYTES * 100:
            channel.basic_publish("", "work", f"{confirmed}:{VALUE}".encode(), persistent)
            confirmed += 1
            # Whatever it was told is dispatched here; this publisher is one that goes on all the same.
            publisher.process_data_events()
    assert told[:1] == ["low on disk"]
    assert refusal.value.args[0] == 506 and refusal.value.args[1].startswith("RESOURCE_ERROR")
    assert confirmed * len(VALUE) > DISK_SIZE_MEBIBYTES * 1024 * 1024 / 2

    drain = consumer.channel()
    for number in range(confirmed):
        method, _, body = drain.basic_get("work")
        assert body.decode().split(":")[0] == str(number)
        if number % 20 == 19 or number == confirmed - 1:
            drain.basic_ack(method.delivery_tag, multiple=True)
    again = amqp_to(server)
    channel = again.channel()
    channel.confirm_delivery()
    deadline = time.monotonic() + 20
    while True:
        try:
            channel.basic_publish("", "work", b"after", persistent)
            break
        except AMQPConnectionError:
            assert time.monotonic() < deadline, "room that was given back is not used"
            time.sleep(0.1)
            again = amqp_to(server)
            channel = again.channel()
            channel.confirm_delivery()
    server.restart(kill=True)
    method, _, body = amqp_to(server).channel().basic_get("work")
    assert (body, method.message_count) == (b"after", 0)


def test_a_full_disk_can_be_started_on(server):
    client = client_of(server)
    count = fill(client)
    server.restart(kill=True)
    client = client_of(server)
    assert client.dbsize() == count
    client.flushall()
    wait_until_writable(client)
