"""A backlog larger than `--body-memory`: its bodies stay in the log, and nobody can tell.

WARREN_PAGING_COUNT (8000) is how many messages of 1 KB a test queues up; the budget is 4 MB.
"""

import os
import random
import threading
import time

import pika
import pytest
import redis

from amqp_client.deliveries import depth, get_all, wait_until

pytestmark = [pytest.mark.warren_only, pytest.mark.timeout(300)]

COUNT = int(os.environ.get("WARREN_PAGING_COUNT", "8000"))
BODY_BYTES = 1024
# A quarter of COUNT bodies of this size take several times what a test of memory allows.
LARGE_BODY_BYTES = 64 * 1024
BUDGET_BYTES = 4 * 1024 * 1024

# An entry, a head, and what the allocator keeps; measured at about 110.
HEAD_BYTES = 250
# Batches in the making, the log's read cache, buffers of sockets and a fetch on its way.
SLACK_BYTES = 40_000_000


def body_of(number, size=BODY_BYTES):
    return b"%08d" % number + b"x" * (size - 8)


def number_of(body):
    assert len(body) in (BODY_BYTES, LARGE_BODY_BYTES) and body[8:].count(b"x") == len(body) - 8
    return int(body[:8])


@pytest.fixture
def server(new_server):
    return new_server(body_memory="4mb")


def fill(connect, server, exchange, key, numbers, persistent=lambda number: True, size=BODY_BYTES, **properties):
    """Publishes with many confirms in flight; all are confirmed afterwards."""
    channel = connect(port=server.amqp_port).channel()
    impl, confirmed, lowest, numbers = channel._impl, set(), 1, list(numbers)

    def count(frame):
        # The confirm of a transient message overtakes those of persistent ones.
        nonlocal lowest
        tag = frame.method.delivery_tag
        if frame.method.multiple:
            confirmed.update(range(lowest, tag + 1))
            lowest = max(lowest, tag + 1)
        else:
            confirmed.add(tag)

    impl.confirm_delivery(count)
    for place, number in enumerate(numbers):
        mode = 2 if persistent(number) else 1
        impl.basic_publish(exchange, key, body_of(number, size), pika.BasicProperties(delivery_mode=mode, **properties))
        if place % 100 == 0:
            channel.connection.process_data_events(time_limit=0)
    wait_until(channel.connection, lambda: len(confirmed) == len(numbers), 60)


def consume(connect, server, queue, count, prefetch=0, answer=None, last=None):
    """Takes `count` messages out, or all up to the number `last`, in the order of their delivery; `answer` says
    what becomes of each."""
    channel = connect(port=server.amqp_port).channel()
    channel.basic_qos(prefetch_count=prefetch)
    taken = []

    def on_message(channel, method, properties, body):
        taken.append((number_of(body), method.redelivered))
        if answer is None:
            channel.basic_ack(method.delivery_tag)
        else:
            answer(channel, method, number_of(body))

    channel.basic_consume(queue, on_message)

    def is_done():
        return len(taken) >= count if last is None else bool(taken) and taken[-1][0] == last

    wait_until(channel.connection, is_done, 120)
    channel.connection.close()
    return taken


def durable(connect, server, queue, **arguments):
    channel = connect(port=server.amqp_port).channel()
    channel.queue_declare(queue, durable=True, arguments={name.replace("_", "-"): value for name, value in arguments.items()})
    return channel


@pytest.mark.parametrize("kind", ["persistent", "transient"])
@pytest.mark.parametrize("prefetch", [0, 10])
def test_a_backlog_takes_no_more_memory_than_the_budget_and_comes_in_order(server, connect, prefetch, kind):
    durable(connect, server, "q")
    before, count = server.rss_bytes(), COUNT // 4
    fill(connect, server, "", "q", range(count), lambda _: kind == "persistent", LARGE_BODY_BYTES)
    growth = server.rss_bytes() - before
    assert growth < BUDGET_BYTES + count * HEAD_BYTES + SLACK_BYTES, f"grew by {growth // 1_000_000} MB"
    assert [number for number, _ in consume(connect, server, "q", count, prefetch)] == list(range(count))


def test_what_was_not_acknowledged_comes_back_in_its_place(server, connect):
    channel = durable(connect, server, "q")
    fill(connect, server, "", "q", range(COUNT))
    held = consume(connect, server, "q", COUNT // 2, answer=lambda *_: None)
    assert [number for number, _ in held[: COUNT // 2]] == list(range(COUNT // 2))
    wait_until(channel.connection, lambda: depth(channel, "q")[0] == COUNT)
    seen = set()

    def refuse_once(channel, method, number):
        if number % 7 == 0 and number not in seen:
            seen.add(number)
            channel.basic_nack(method.delivery_tag, requeue=True)
        else:
            channel.basic_ack(method.delivery_tag)

    again = COUNT + len(range(0, COUNT, 7))
    taken = consume(connect, server, "q", again, prefetch=50, answer=refuse_once)
    assert sorted({number for number, _ in taken}) == list(range(COUNT)) and len(taken) == again
    first = [number for place, (number, _) in enumerate(taken) if number not in {n for n, _ in taken[max(0, place - 200) : place]}]
    assert first == list(range(COUNT)), "apart from what came back, the order is kept"
    assert all(redelivered for number, redelivered in taken if number < COUNT // 2)
    assert depth(channel, "q")[0] == 0


def test_transient_bodies_outlive_the_segments_they_were_written_to_and_no_restart(new_server, connect):
    server = new_server(body_memory="4mb", segment_size="1mb")
    channel = durable(connect, server, "q")
    channel.queue_declare("volatile")
    for queue in ("q", "volatile"):
        fill(connect, server, "", queue, range(COUNT), lambda _: False)
    with redis.Redis(port=server.resp_port) as client:
        for number in range(2000):
            client.set(f"key:{number % 10}", "x" * 10_000)
        wait_until(channel.connection, lambda: not (server.data_dir / "log-0000000000000001").exists())
    for queue in ("q", "volatile"):
        assert [number for number, _ in consume(connect, server, queue, COUNT // 2)][: COUNT // 2] == list(range(COUNT // 2))
    server.restart(kill=True)
    channel = connect(port=server.amqp_port).channel()
    assert depth(channel, "q")[0] == 0
    fill(connect, server, "", "q", range(3))
    assert [number_of(delivery.body) for delivery in get_all(channel, "q")] == [0, 1, 2]


@pytest.mark.parametrize("kill", [False, True], ids=["restart", "kill"])
def test_a_backlog_survives(server, connect, kill):
    durable(connect, server, "q")
    count = COUNT // 4
    fill(connect, server, "", "q", range(count), size=LARGE_BODY_BYTES)
    assert [number for number, _ in consume(connect, server, "q", 100, prefetch=1)][:100] == list(range(100))
    server.restart(kill=kill)
    idle = server.rss_bytes()
    taken = consume(connect, server, "q", None, prefetch=20, last=count - 1)
    numbers = [number for number, _ in taken]
    # The last acknowledgements may not have been read when the server was killed.
    assert numbers == list(range(numbers[0], count)) and numbers[0] <= 101
    assert server.rss_bytes() - idle < BUDGET_BYTES + SLACK_BYTES
    server.restart(kill=True)
    channel = connect(port=server.amqp_port).channel()
    fill(connect, server, "", "q", range(3))
    assert [number_of(delivery.body) for delivery in get_all(channel, "q")][-3:] == [0, 1, 2]


def test_basic_get_waits_for_its_body_and_keeps_its_turn(server, connect):
    durable(connect, server, "q")
    fill(connect, server, "", "q", range(COUNT))
    server.restart()
    channel = connect(port=server.amqp_port).channel()
    for number in range(2000):
        method, _properties, body = channel.basic_get("q", auto_ack=number % 2 == 0)
        assert number_of(body) == number and method.message_count == COUNT - number - 1
    assert depth(channel, "q")[0] == COUNT - 2000


def test_persistent_and_transient_messages_keep_their_order(server, connect):
    durable(connect, server, "q")
    persistent = {number for number in range(COUNT) if random.random() < 0.7}
    fill(connect, server, "", "q", range(COUNT), persistent.__contains__)
    assert [number for number, _ in consume(connect, server, "q", COUNT, 30)] == list(range(COUNT))
    fill(connect, server, "", "q", range(COUNT), persistent.__contains__)
    server.restart(kill=True)
    assert [number for number, _ in consume(connect, server, "q", len(persistent))] == sorted(persistent)


def test_a_priority_queue(server, connect):
    durable(connect, server, "q", x_max_priority=5)
    for priority in (0, 5, 2):
        numbers = range(priority * 10_000, priority * 10_000 + COUNT // 3)
        fill(connect, server, "", "q", numbers, priority=priority)
    taken = [number for number, _ in consume(connect, server, "q", 3 * (COUNT // 3), 10)]
    assert taken == [p * 10_000 + n for p in (5, 2, 0) for n in range(COUNT // 3)]


def test_three_queues_of_a_fanout_at_different_speeds(server, connect):
    channel = connect(port=server.amqp_port).channel()
    channel.exchange_declare("f", "fanout", durable=True)
    queues = {"one": 0, "two": 1, "volatile": 100}
    for queue in queues:
        channel.queue_declare(queue, durable=queue != "volatile")
        channel.queue_bind(queue, "f")
    fill(connect, server, "f", "", range(COUNT // 2))
    found = {}

    def take(queue, prefetch):
        numbers = []
        connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.amqp_port))
        channel = connection.channel()
        channel.basic_qos(prefetch_count=prefetch)
        for method, _properties, body in channel.consume(queue, inactivity_timeout=20):
            if method is None:
                break
            numbers.append(number_of(body))
            channel.basic_ack(method.delivery_tag)
            if len(numbers) == COUNT // 2:
                break
        found[queue] = numbers
        connection.close()

    threads = [threading.Thread(target=take, args=item, daemon=True) for item in queues.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert found == {queue: list(range(COUNT // 2)) for queue in queues}


def test_dead_letters_move_without_their_bodies_and_are_found(server, connect):
    channel = durable(connect, server, "dead")
    durable(connect, server, "source", x_dead_letter_exchange="", x_dead_letter_routing_key="dead")
    fill(connect, server, "", "source", range(COUNT))

    def reject(channel, method, _number):
        channel.basic_reject(method.delivery_tag, requeue=False)

    consume(connect, server, "source", COUNT // 4, prefetch=10, answer=reject)
    fill(connect, server, "", "source", range(COUNT, COUNT + 100), expiration="1")
    purged = depth(channel, "source")[0]
    moved = depth(channel, "dead")[0]
    assert moved >= COUNT // 4 and moved + purged == COUNT + 100
    server.restart(kill=True)
    numbers = [number for number, _ in consume(connect, server, "dead", moved)]
    assert numbers[:moved] == list(range(moved))


def test_expiry_purge_and_deletion_of_what_is_being_read(server, connect):
    channel = durable(connect, server, "q", x_message_ttl=400)
    durable(connect, server, "purged")
    fill(connect, server, "", "purged", range(COUNT))
    fill(connect, server, "", "q", range(2000))
    slow = connect(port=server.amqp_port).channel()
    slow.basic_qos(prefetch_count=1)
    slow.basic_consume("q", lambda *_: None)
    slow.basic_consume("purged", lambda *_: None)
    slow.connection.process_data_events(time_limit=0.2)
    assert channel.queue_purge("purged").method.message_count >= COUNT - 1
    fill(connect, server, "", "purged", range(COUNT))
    channel.queue_delete("purged")
    deadline = time.monotonic() + 30
    while depth(channel, "q")[0] > 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    fill(connect, server, "", "q", [7])
    slow.connection.close()
    channel.connection.process_data_events(time_limit=0)
    assert server.is_running()
