"""maxmemory: which keys go, what is refused, and that what has gone stays so."""

import contextlib
import time

import pytest
import redis
from harness import Redis
from harness.resp import Connection, render, wait_until

LIMIT_BYTES = 4 * 1024 * 1024
VALUE = "x" * 500
OOM = "OOM command not allowed when used memory > 'maxmemory'."


@pytest.fixture
def limited(new_server):
    """`limited(policy)`: a client of a server of its own with room for some thousands of keys."""
    with contextlib.ExitStack() as stack:

        def make(policy: str, **options):
            server = new_server(**options)
            client = stack.enter_context(redis.Redis(port=server.resp_port, decode_responses=True))
            # What redis-server takes for itself does not count.
            limit = LIMIT_BYTES + client.info("memory")["used_memory"]
            client.config_set("maxmemory", limit)
            client.config_set("maxmemory-policy", policy)
            return client

        yield make


def fill(client, prefix: str, count: int, seconds: int | None = None) -> None:
    for start in range(0, count, 500):
        with client.pipeline(transaction=False) as pipeline:
            for number in range(start, min(start + 500, count)):
                pipeline.set(f"{prefix}:{number}", VALUE, ex=seconds)
            pipeline.execute()


def count_left(client, prefix: str) -> int:
    return sum(1 for _ in client.scan_iter(f"{prefix}:*", count=1000))


def settle(client) -> None:
    """Until no key goes any more."""

    def is_within() -> bool:
        memory = client.info("memory")
        # What the answer takes counts at redis-server.
        return memory["used_memory"] <= memory["maxmemory"] + 20_000

    wait_until(is_within, what="a keyspace within maxmemory")


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu", "allkeys-random"])
def test_memory_stays_below_the_limit_whatever_is_written(limited, policy):
    client = limited(policy)
    fill(client, "key", 20_000)
    settle(client)
    evicted = client.info("stats")["evicted_keys"]
    assert evicted > 10_000 and client.dbsize() + evicted == 20_000
    # What is there is what the limit has room for, not much less.
    assert client.dbsize() > 4000
    client.set("large", "x" * (LIMIT_BYTES // 2))
    client.rpush("list", *("y" * 100 for _ in range(5000)))
    settle(client)
    assert client.info("stats")["evicted_keys"] > evicted


def test_keys_not_used_for_long_go_first(limited):
    client = limited("allkeys-lru")
    fill(client, "old", 2000)
    fill(client, "used", 2000)
    time.sleep(2.1)
    for start in range(0, 2000, 500):
        client.mget(f"used:{number}" for number in range(start, start + 500))
    assert client.object("idletime", "old:0") >= 2 and client.object("idletime", "used:0") <= 1
    fill(client, "new", 3500)
    settle(client)
    old, used = count_left(client, "old"), count_left(client, "used")
    assert client.info("stats")["evicted_keys"] > 500
    assert old < 1500 and used > 1900, f"{old} old and {used} used keys are left"


def test_keys_used_seldom_go_first(limited):
    client = limited("allkeys-lfu")
    fill(client, "seldom", 2000)
    fill(client, "often", 2000)
    for _ in range(25):
        client.mget(f"often:{number}" for number in range(2000))
    assert client.object("freq", "often:0") > client.object("freq", "seldom:0") - 1
    fill(client, "new", 4000)
    settle(client)
    seldom, often = count_left(client, "seldom"), count_left(client, "often")
    assert often > seldom + 500, f"{seldom} keys used seldom and {often} used often are left"


@pytest.mark.parametrize("policy", ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"])
def test_keys_without_a_deadline_stay_under_volatile_policies(limited, policy):
    client = limited(policy)
    fill(client, "stays", 3000)
    fill(client, "volatile", 6000, seconds=1000)
    settle(client)
    assert count_left(client, "stays") == 3000
    assert 0 <= 6000 - count_left(client, "volatile") - client.info("stats")["evicted_keys"] < 10
    assert client.info("stats")["evicted_keys"] > 100
    with pytest.raises(redis.OutOfMemoryError, match="command not allowed when used memory"):
        fill(client, "stays", 12_000)
    assert count_left(client, "volatile") == 0


def test_the_key_that_expires_next_goes_first(limited):
    client = limited("volatile-ttl")
    fill(client, "late", 3000, seconds=5000)
    fill(client, "soon", 2000, seconds=500)
    fill(client, "later", 2500, seconds=9000)
    settle(client)
    soon, late = count_left(client, "soon"), count_left(client, "late")
    # redis-server looks at samples, and so hits some of the others.
    assert soon < 1200 and late > 2800, f"{soon} that expire soon and {late} that expire late are left"
    assert count_left(client, "later") > 2400


def test_what_needs_memory_is_refused_where_nothing_may_go(limited):
    client = limited("noeviction")
    client.set("a", "1")
    client.rpush("list", "1", "2")
    client.config_set("maxmemory", 1)
    for command in [("SET", "b", "1"), ("LPUSH", "list", "1"), ("HSET", "h", "f", "v"), ("APPEND", "a", "1")]:
        with pytest.raises(redis.OutOfMemoryError, match="command not allowed when used memory > 'maxmemory'"):
            client.execute_command(*command)
    assert client.get("a") == "1" and client.lpop("list") == "1" and client.ttl("a") == -1
    assert client.expire("a", 100) and client.delete("list") == 1
    assert client.info("stats")["evicted_keys"] == 0
    assert client.info("errorstats")["errorstat_OOM"] == {"count": 4}
    client.config_set("maxmemory", 0)
    assert client.set("b", "1")


SCRIPTS = [
    # Commands of one client, and which of them is preceded by CONFIG SET maxmemory 1 of another.
    (["MULTI", "SET b 1", "EXEC"], 2),
    (["MULTI", "GET a", "EXEC"], 2),
    (["MULTI", "GET a", "EXEC"], 1),
    (["MULTI", "GET a", "DISCARD", "GET a"], 1),
    (["MULTI", "DEL a", "EXEC", "GET a"], 2),
    (["MULTI", "WATCH a", "EXEC"], 1),
    (["MULTI", "MULTI", "EXEC"], 1),
    (["WATCH a", "MULTI", "SET a 2", "EXEC", "GET a"], 3),
    (["SUBSCRIBE c", "SET a 1", "PING", "UNSUBSCRIBE c"], 1),
    (["DEL a", "SET a text", "SET a other", "OBJECT FREQ a", "OBJECT IDLETIME a", "OBJECT FREQ none", "OBJECT IDLETIME none"], 9),
    (["CONFIG SET maxmemory-policy lru", "CONFIG SET maxmemory x", "CONFIG SET maxmemory-samples 0"], 9),
    (["CONFIG SET maxmemory-eviction-tenacity 101", "CONFIG SET lfu-log-factor -1", "CONFIG GET lfu-decay-time"], 9),
    (["CONFIG GET maxmemory-eviction-tenacity", "SET n 5", "INCR n", "SORT l STORE m", "COPY a c", "GETDEL a"], 1),
]


@pytest.mark.peers
@pytest.mark.parametrize("policy", ["noeviction", "volatile-lru", "allkeys-lfu"])
def test_replies_are_those_of_redis(new_server, tmp_path, policy):
    peer = Redis(tmp_path / "redis")
    servers = peer.start(), new_server()
    try:
        for commands, squeezed_before in SCRIPTS:
            told = [
                _run(server, policy, commands, squeezed_before if policy != "allkeys-lfu" else None)
                for server in servers
            ]
            assert told[0] == told[1], f"{commands} under {policy}"
    finally:
        peer.close()


def _run(server, policy: str, commands: list[str], squeezed_before: int | None) -> list[str]:
    with Connection(server.resp_port) as client, Connection(server.resp_port) as other:
        for command in ["CONFIG SET maxmemory 0", f"CONFIG SET maxmemory-policy {policy}", "FLUSHALL", "SET a 1", "RPUSH l 1"]:
            other.command(*command.split())
        replies = []
        for number, command in enumerate(commands):
            if number == squeezed_before:
                other.command("CONFIG", "SET", "maxmemory", "1")
            replies.append(render(client.command(*command.split())))
        other.command("CONFIG", "SET", "maxmemory", "0")
        return replies


@pytest.mark.warren_only
@pytest.mark.parametrize("kill", [False, True], ids=["stop", "kill"])
def test_what_was_evicted_stays_gone_after_a_restart(new_server, kill):
    server = new_server(maxmemory="3mb", maxmemory_policy="allkeys-lru", appendfsync="always")
    with redis.Redis(port=server.resp_port, decode_responses=True) as client:
        assert client.config_get("maxmemory*")["maxmemory-policy"] == "allkeys-lru"
        fill(client, "key", 12_000)
        settle(client)
        before = set(client.scan_iter(count=1000))
    server.restart(kill=kill)
    with redis.Redis(port=server.resp_port, decode_responses=True) as client:
        memory = client.info("memory")
        assert memory["maxmemory"] == 3 << 20 and memory["maxmemory_policy"] == "allkeys-lru"
        assert memory["maxmemory_human"] == "3.00M"
        after = set(client.scan_iter(count=1000))
        # Sizes are those of values written anew: a few keys more may have to go.
        assert after <= before and len(after) > 0.98 * len(before)


@pytest.mark.warren_only
def test_keys_are_evicted_while_a_checkpoint_is_taken(new_server):
    server = new_server(maxmemory="8mb", maxmemory_policy="allkeys-random", appendfsync="always")
    with redis.Redis(port=server.resp_port, decode_responses=True) as client:
        fill(client, "key", 10_000)
        for round_number in range(5):
            saves = client.info("persistence")["rdb_saves"]
            client.bgsave()
            fill(client, f"round{round_number}", 3000)
            while client.info("persistence")["rdb_saves"] == saves:
                time.sleep(0.01)
        settle(client)
        before = {key: client.get(key) for key in client.scan_iter(count=1000)}
    server.restart(kill=True)
    with redis.Redis(port=server.resp_port, decode_responses=True) as client:
        client.config_set("maxmemory", 0)
        after = {key: client.get(key) for key in client.scan_iter(count=1000)}
        assert after.items() <= before.items() and len(after) > 0.98 * len(before)


@pytest.mark.warren_only
def test_eviction_goes_on_without_requests(new_server):
    server = new_server()
    with redis.Redis(port=server.resp_port, decode_responses=True) as client:
        fill(client, "key", 20_000)
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory-eviction-tenacity", 1)
        client.config_set("maxmemory", "1mb")
        time.sleep(1)
        # INFO itself evicts 20 keys at most.
        assert client.info("memory")["used_memory"] <= 1 << 20


@pytest.mark.warren_only
def test_messages_do_not_count(new_server):
    """What queues hold is bounded by --body-memory, and evicts no key."""
    server = new_server(maxmemory="2mb", maxmemory_policy="allkeys-lru")
    import pika

    with redis.Redis(port=server.resp_port) as client, pika.BlockingConnection(
        pika.ConnectionParameters("127.0.0.1", server.amqp_port)
    ) as connection:
        fill(client, "key", 1000)
        channel = connection.channel()
        channel.queue_declare("large")
        for _ in range(40):
            channel.basic_publish("", "large", b"x" * 100_000)
        assert channel.queue_declare("large", passive=True).method.message_count == 40
        assert client.dbsize() == 1000 and client.info("stats")["evicted_keys"] == 0
        assert client.info("memory")["allocator_allocated"] > 4_000_000
