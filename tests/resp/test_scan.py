"""SCAN and its forms return every element that was there throughout, whatever happens beside them."""

import pytest

STAY = 2_000


def fill(client, kind, key, names):
    pipeline = client.pipeline(transaction=False)
    for name in names:
        if kind == "keys":
            pipeline.set(name, "x")
        elif kind == "set":
            pipeline.sadd(key, name)
        elif kind == "hash":
            pipeline.hset(key, name, "x")
        else:
            pipeline.zadd(key, {name: 1})
    pipeline.execute()


def drop(client, kind, key, names):
    remove = {"keys": lambda: client.delete(*names), "set": lambda: client.srem(key, *names)}
    remove |= {"hash": lambda: client.hdel(key, *names), "zset": lambda: client.zrem(key, *names)}
    remove[kind]()


def step(client, kind, key, cursor, count):
    if kind == "keys":
        return client.scan(cursor, count=count)
    scan = {"set": client.sscan, "hash": client.hscan, "zset": client.zscan}[kind]
    cursor, items = scan(key, cursor, count=count)
    return cursor, [item[0] if kind == "zset" else item for item in items]


@pytest.mark.parametrize("kind", ["keys", "set", "hash", "zset"])
@pytest.mark.parametrize("beside", ["nothing", "growth", "shrinking", "both"])
def test_every_element_present_throughout_is_returned(client, kind, beside):
    stay = [f"stay{number}" for number in range(STAY)]
    comers = [f"come{number}" for number in range(20_000)]
    goers = [f"gone{number}" for number in range(10_000 if beside in ("shrinking", "both") else 0)]
    fill(client, kind, "k", stay + goers)
    seen, cursor, steps = [], 0, 0
    while True:
        cursor, items = step(client, kind, "k", cursor, 100)
        seen += items
        steps += 1
        if beside in ("growth", "both") and comers:
            fill(client, kind, "k", comers[:2_000])
            del comers[:2_000]
        if goers:
            drop(client, kind, "k", goers[:1_000])
            del goers[:1_000]
        if cursor == 0:
            break
        assert steps < 10_000
    assert set(stay) <= set(seen)
    if beside == "nothing":
        assert sorted(seen) == sorted(stay)
        assert steps > 10


def test_match_count_type(client):
    client.mset({f"string{number}": "x" for number in range(300)})
    for number in range(50):
        client.rpush(f"list{number}", "x")
    assert len(set(client.scan_iter(match="string1*"))) == 111
    assert len(set(client.scan_iter(_type="list"))) == 50
    assert set(client.scan_iter(match="list4?", _type="LIST", count=7)) == {f"list{number}" for number in range(40, 50)}
    cursor, items = client.scan(0, count=1000)
    assert cursor == 0 and len(items) == 350
