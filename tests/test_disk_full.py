"""A small file system filled to the brim and drained again: growth is refused, reads and removals go on, nothing is lost.

Needs root, for a tmpfs of its own; without it the tests are skipped and say so.
"""

import os
import subprocess
import threading
import time

import pika
import pytest
import redis
from pika.exceptions import AMQPConnectionError, ChannelClosedByBroker

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


def hog(directory, keep_bytes: int = 0) -> str:
    """Takes all room that is left on the disk."""
    path = directory / "hog"
    left = os.statvfs(directory).f_bavail * os.statvfs(directory).f_frsize
    with open(path, "ab") as file:
        os.posix_fallocate(file.fileno(), file.tell(), max(left - keep_bytes, 1))
    return path


class Hogging:
    """Others take whatever room the server gives back, until this ends."""

    def __init__(self, directory):
        self.directory, self.stopping = directory, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stopping.wait(0.02):
            if os.statvfs(self.directory).f_bavail > 0:
                try:
                    hog(self.directory)
                except OSError:
                    pass

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        (self.directory / "hog").unlink(missing_ok=True)


def refusal_of(act) -> int:
    """The reply code with which the server closes the connection because of `act`."""
    with pytest.raises(AMQPConnectionError) as refusal:
        act()
    assert refusal.value.args[1].startswith("RESOURCE_ERROR")
    return refusal.value.args[0]


def acknowledge_until_refused(channel, tags) -> int:
    """Answers how many the server took."""
    for number, tag in enumerate(tags):
        try:
            channel.basic_ack(tag)
            # A passive declare is answered behind it.
            channel.queue_declare("work", passive=True)
        except AMQPConnectionError as refusal:
            assert refusal.args[0] == 506
            return number
    raise AssertionError("acknowledgements find more room than there is")


def fill_to_the_brim(client) -> None:
    """Writes small values, too, until the server refuses them."""
    fill(client)
    with pytest.raises(redis.ResponseError, match="MISCONF"):
        for number in range(1_000_000):
            client.set(f"small:{number}", "x" * 500)


def test_what_a_full_disk_refuses_besides_messages(server, small_disk):
    client = client_of(server)
    client.sadd("a", *(f"a{number:0200}" for number in range(4000)))
    client.sadd("b", *(f"b{number:0200}" for number in range(4000)))
    setup = amqp_to(server).channel()
    setup.queue_declare("there", durable=True)
    setup.queue_bind("there", "amq.direct", "there")
    with Hogging(small_disk):
        fill_to_the_brim(client)
        with pytest.raises(redis.ResponseError, match="MISCONF"):
            client.sunionstore("c", "a", "b")
        arguments = {"x-filling": "x" * 1000}
        for act in [
            lambda channel: channel.queue_declare("new", durable=True, arguments=arguments),
            lambda channel: channel.exchange_declare("new", durable=True, arguments=arguments),
            lambda channel: channel.queue_bind("there", "amq.direct", "another", arguments=arguments),
        ]:
            assert refusal_of(lambda act=act: act(amqp_to(server).channel())) == 506
        channel = amqp_to(server).channel()
        # What is there already, and what no restart has to find again, is no growth.
        channel.queue_declare("there", durable=True)
        channel.queue_bind("there", "amq.direct", "there")
        channel.queue_declare("transient", exclusive=True)
        channel.queue_delete("there")
    assert client.scard("c") == 0 and client.smismember("a", ["a" + "0" * 200]) == [1]


def test_a_computed_result_is_refused_before_the_disk_is_known_to_be_full(server, small_disk):
    client = client_of(server)
    for name in "ab":
        client.sadd(name, *(f"{name}{number:0400}" for number in range(10_000)))
    # There is room for two segments, but not for 8 MB in one piece.
    hog(small_disk, keep_bytes=64 * 1024)
    assert client.set("small", "1")
    with pytest.raises(redis.ResponseError, match="MISCONF"):
        client.sunionstore("c", "a", "b")
    assert not client.exists("c") and client.set("small", "2")
    server.restart(kill=True)
    assert client_of(server).get("small") == "2"


def test_dead_letters_wait_while_the_disk_is_full(server, small_disk):
    channel = amqp_to(server).channel()
    channel.queue_declare("dead", durable=True)
    to_dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
    channel.queue_declare("rejected", durable=True, arguments=to_dead)
    channel.queue_declare("expiring", durable=True, arguments=to_dead | {"x-message-ttl": 4000})
    channel.confirm_delivery()
    count = 3000
    persistent = pika.BasicProperties(delivery_mode=2, headers={"filling": "x" * 400})
    for queue in ["rejected", "expiring"]:
        for number in range(count):
            channel.basic_publish("", queue, str(number).encode(), persistent)
    client = client_of(server)
    with Hogging(small_disk):
        fill(client)
        consumer = amqp_to(server)
        drain = consumer.channel()
        for _ in range(count):
            method, _, _ = drain.basic_get("rejected")
            drain.basic_nack(method.delivery_tag, requeue=False)
        # More than the room that is kept would hold, had they been moved.
        time.sleep(5)
        assert client.ping() and client.get("key:0") == VALUE
        assert drain.queue_declare("rejected", passive=True).method.message_count == 0
        waiting = drain.queue_declare("dead", passive=True).method.message_count
        assert waiting < 2 * count
        with pytest.raises(redis.ResponseError, match="MISCONF"):
            client.set("more", VALUE)
    client.delete(*(f"key:{number}" for number in range(2000)))
    wait_until_writable(client)
    deadline = time.monotonic() + 20
    while drain.queue_declare("dead", passive=True).method.message_count < 2 * count:
        assert time.monotonic() < deadline, "dead letters do not go on"
        time.sleep(0.1)
    server.restart(kill=True)
    assert amqp_to(server).channel().queue_declare("dead", passive=True).method.message_count == 2 * count


def test_a_disk_that_stays_full_ends_nothing(server, small_disk):
    """Removals use up even the room that is kept for them: then they are refused, too, and reads go on."""
    client = client_of(server)
    channel = amqp_to(server).channel()
    channel.queue_declare("work", durable=True)
    channel.queue_declare("passing", durable=True, auto_delete=True)
    channel.confirm_delivery()
    persistent = pika.BasicProperties(delivery_mode=2)
    for number in range(5000):
        channel.basic_publish("", "work", str(number).encode(), persistent)
    client.set("counter", "0")
    with Hogging(small_disk):
        count = fill(client)
        holder = amqp_to(server)
        held = holder.channel()
        held.basic_consume("passing", lambda *_: None)
        tags = [held.basic_get("work")[0].delivery_tag for _ in range(100)]
        with pytest.raises(redis.ResponseError, match="MISCONF"):
            for number in range(1_000_000):
                client.expire("key:0", 1000 + number % 7)
        assert client.get("key:1") == VALUE
        acknowledged = acknowledge_until_refused(held, tags)
        # The messages of who is gone go back when there is room for that.
        again = amqp_to(server).channel()
        again.basic_get("work")
        again.queue_declare("work", passive=True)
        taken = []
        assert refusal_of(lambda: [taken.append(again.basic_get("work", auto_ack=True)) for _ in range(200)]) == 506
        time.sleep(2)
        assert client.ping()
    # Room is enough, without a restart.
    left = 5000 - acknowledged - len(taken)
    wait_until_writable(client)
    deadline = time.monotonic() + 20
    while amqp_to(server).channel().queue_declare("work", passive=True).method.message_count < left:
        assert time.monotonic() < deadline, "what a client held does not come back"
        time.sleep(0.1)
    with pytest.raises(ChannelClosedByBroker):
        amqp_to(server).channel().queue_declare("passing", passive=True)
    client.delete(*(f"key:{number}" for number in range(2, count)))
    server.restart(kill=True)
    assert client_of(server).get("key:1") == VALUE
    assert amqp_to(server).channel().queue_declare("work", passive=True).method.message_count == left
