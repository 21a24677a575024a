"""What programs do with redis-py: pools, pipelines, locks, transactions, expiry, databases."""

import threading
import time

import pytest
import redis


def test_connection_pool(empty_server):
    pool = redis.ConnectionPool(port=empty_server.resp_port, decode_responses=True, max_connections=10)
    clients = [redis.Redis(connection_pool=pool) for _ in range(5)]
    for number, client in enumerate(clients):
        client.set(f"k{number}", number)
    assert clients[0].mget([f"k{number}" for number in range(5)]) == ["0", "1", "2", "3", "4"]
    pool.disconnect()


def test_databases_are_apart(empty_server):
    clients = [redis.Redis(port=empty_server.resp_port, db=number, decode_responses=True) for number in range(16)]
    for number, client in enumerate(clients):
        client.set("k", number)
    assert [client.get("k") for client in clients] == [str(number) for number in range(16)]
    clients[3].flushdb()
    assert [client.dbsize() for client in clients].count(1) == 15
    with pytest.raises(redis.ResponseError, match="DB index is out of range"):
        redis.Redis(port=empty_server.resp_port, db=16).ping()
    for client in clients:
        client.close()


def test_keys_expire(client):
    client.set("k", "v", px=80)
    client.hset("h", "f", "v")
    client.pexpire("h", 80)
    assert client.get("k") == "v"
    time.sleep(0.1)
    assert client.get("k") is None
    assert client.exists("k", "h") == 0
    assert client.ttl("h") == -2
    assert client.keys() == []


def test_expired_keys_go_without_being_asked_for(client):
    pipeline = client.pipeline()
    for number in range(500):
        pipeline.set(f"k{number}", "v", px=50)
    pipeline.execute()
    deadline = time.monotonic() + 5
    while client.dbsize() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert client.dbsize() == 0


def test_an_expired_key_is_not_there_for_writers(client):
    client.rpush("k", "old")
    client.pexpire("k", 30)
    time.sleep(0.05)
    assert client.rpush("k", "new") == 1
    assert client.ttl("k") == -1
    client.set("n", 41, px=30)
    time.sleep(0.05)
    assert client.incr("n") == 1


def test_expiry_breaks_a_watch_only_once_it_came(client):
    client.set("k", "v", px=60)
    with client.pipeline() as pipeline:
        pipeline.watch("k")
        pipeline.multi()
        pipeline.get("k")
        assert pipeline.execute() == ["v"]
    with client.pipeline() as pipeline:
        pipeline.watch("k")
        time.sleep(0.1)
        client.exists("k")
        pipeline.multi()
        pipeline.get("k")
        with pytest.raises(redis.WatchError):
            pipeline.execute()


def test_increments_of_many_clients_all_count(client, empty_server):
    def count():
        with redis.Redis(port=empty_server.resp_port) as own:
            for _ in range(200):
                own.incr("n")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get("n") == "1600"


def test_optimistic_transactions_of_many_clients_all_count(client, empty_server):
    client.set("n", 0)

    def add(pipeline):
        current = int(pipeline.get("n"))
        pipeline.multi()
        pipeline.set("n", current + 1)

    def count():
        with redis.Redis(port=empty_server.resp_port) as own:
            for _ in range(25):
                own.transaction(add, "n")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get("n") == "100"


def test_pipeline(client):
    with client.pipeline(transaction=False) as pipeline:
        pipeline.set("a", 1).incr("a").lpush("a", "x").get("a")
        results = pipeline.execute(raise_on_error=False)
    assert results[:2] == [True, 2]
    assert isinstance(results[2], redis.ResponseError)
    assert results[3] == "2"


def test_command_docs_answer_what_redis_cli_asks(connect):
    (name, docs), *rest = _pairs(connect(protocol=3).command("COMMAND", "DOCS", "lpush"))
    assert name == b"lpush" and not rest
    fields = dict(_pairs(docs))
    assert fields[b"summary"].value and fields[b"since"].value == b"1.0.0" and fields[b"group"].value == b"list"
    arguments = [dict(_pairs(argument)) for argument in fields[b"arguments"].value]
    assert [argument[b"name"].value for argument in arguments] == [b"key", b"element"]
    assert [argument[b"type"].value for argument in arguments] == [b"key", b"string"]
    assert [flag.value for flag in arguments[1][b"flags"].value] == ["multiple"]


def _pairs(reply):
    names = (name.value for name in reply.value[::2])
    return list(zip(names, reply.value[1::2], strict=True))


def test_client_list_and_info(client):
    client.client_setname("lister")
    assert "lister" in [entry["name"] for entry in client.client_list()]
    assert client.client_info()["name"] == "lister"
    assert client.client_getname() == "lister"
    information = client.info()
    assert information["redis_version"].startswith("7.")
    assert information["role"] == "master"
    assert "used_memory" in information
    assert client.config_get("maxmemory") == {"maxmemory": "0"}


def test_idle_clients_do_not_keep_the_server_busy(empty_server, client):
    before = empty_server.cpu_seconds()
    time.sleep(1)
    assert empty_server.cpu_seconds() - before < 0.2


def test_encodings_follow_sizes(client):
    client.sadd("ints", *range(512))
    assert client.object("encoding", "ints") == "intset"
    client.sadd("ints", 512)
    assert client.object("encoding", "ints") == "hashtable"
    client.hset("h", mapping={str(number): "x" for number in range(512)})
    assert client.object("encoding", "h") == "listpack"
    client.hset("h", "one-more", "x")
    assert client.object("encoding", "h") == "hashtable"
    client.zadd("z", {str(number): number for number in range(128)})
    assert client.object("encoding", "z") == "listpack"
    client.zadd("z", {"one-more": 1})
    assert client.object("encoding", "z") == "skiplist"
    client.rpush("l", *range(5000))
    assert client.object("encoding", "l") == "quicklist"
    assert client.zrange("z", 0, 2) == ["0", "1", "one-more"]


def test_large_containers(client):
    pipeline = client.pipeline(transaction=False)
    for start in range(0, 20_000, 1000):
        numbers = range(start, start + 1000)
        pipeline.rpush("l", *numbers)
        pipeline.sadd("s", *(f"m{number}" for number in numbers))
        pipeline.zadd("z", {f"m{number}": number * 7 % 20_011 for number in numbers})
        pipeline.hset("h", mapping={f"f{number}": number for number in numbers})
    pipeline.execute()
    assert (client.llen("l"), client.scard("s"), client.zcard("z"), client.hlen("h")) == (20_000,) * 4
    assert client.lrange("l", 9_999, 10_001) == ["9999", "10000", "10001"]
    assert client.lindex("l", -1) == "19999"
    by_score = sorted((number * 7 % 20_011, f"m{number}") for number in range(20_000))
    for rank in (0, 1, 777, 10_000, 19_999):
        score, member = by_score[rank]
        assert client.zrank("z", member) == rank
        assert client.zrevrank("z", member) == 19_999 - rank
        assert client.zrange("z", rank, rank, withscores=True)[0][0] == member
        assert client.zscore("z", member) == score
    assert client.zcount("z", 100, 199) == sum(100 <= score <= 199 for score, _ in by_score)
    assert client.zremrangebyrank("z", 0, 9_999) == 10_000
    assert client.zrange("z", 0, 0) == [by_score[10_000][1]]
    client.ltrim("l", 5_000, 5_099)
    assert client.lrange("l", 0, -1) == [str(number) for number in range(5_000, 5_100)]
