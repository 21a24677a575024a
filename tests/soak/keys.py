"""The loads of RESP. `SteadyKeys` owns its keys and knows what each holds."""

import random
import socket
import time

from soak.load import Load

KEYS_PER_KIND = 300
ELEMENTS_MAX = 60
PIPELINE_COMMANDS = 20
COMPARED_AT_ONCE = 50
LARGE_KEYS = 6
LARGE_BYTES = (500_000, 2_000_000)
LIFE_OF_PASSING_SECONDS = 3600
LIFE_MILLISECONDS = (200, 5000)


def _text(chance: random.Random, bytes_max: int) -> str:
    return f"{chance.random()}" * chance.randint(1, max(1, bytes_max // 20))


# One function a kind: queues a change of `key` in the pipeline, and answers what it then holds (None: nothing).


def _string(pipeline, key, old, chance):
    if old is not None and len(old) < 2000 and chance.random() < 0.3:
        pipeline.append(key, "more")
        return old + "more"
    value = _text(chance, 2000)
    # Without a deadline: it must never be evicted.
    pipeline.set(key, value)
    return value


def _counter(pipeline, key, old, chance):
    by = chance.randint(-5, 9)
    pipeline.incrby(key, by)
    return str(int(old or 0) + by)


def _bitmap(pipeline, key, old, chance):
    bits, place, bit = bytearray((old or "").encode("latin-1")), chance.randrange(4096), chance.randrange(2)
    bits.extend(bytes(max(0, place // 8 + 1 - len(bits))))
    mask = 0x80 >> place % 8
    bits[place // 8] = bits[place // 8] | mask if bit else bits[place // 8] & ~mask
    pipeline.setbit(key, place, bit)
    return bits.decode("latin-1")


def _list(pipeline, key, old, chance):
    values = [_text(chance, 100) for _ in range(3)]
    pipeline.rpush(key, *values).ltrim(key, -ELEMENTS_MAX, -1)
    held = [*(old or []), *values][-ELEMENTS_MAX:]
    if chance.random() < 0.3:
        pipeline.lpop(key)
        held = held[1:]
    return held


def _hash(pipeline, key, old, chance):
    held, field = dict(old or {}), f"field:{chance.randrange(ELEMENTS_MAX)}"
    if field in held and chance.random() < 0.4:
        pipeline.hdel(key, field)
        del held[field]
    else:
        held[field] = _text(chance, 100)
        pipeline.hset(key, field, held[field])
    return held or None


def _set(pipeline, key, old, chance):
    # Numbers and words: both encodings, and the way from one to the other.
    held, member = set(old or ()), chance.choice(("", "", "", "word:")) + str(chance.randrange(ELEMENTS_MAX))
    pipeline.srem(key, member) if member in held else pipeline.sadd(key, member)
    return held ^ {member} or None


def _sorted_set(pipeline, key, old, chance):
    held, member = dict(old or {}), f"member:{chance.randrange(ELEMENTS_MAX)}"
    if member in held and chance.random() < 0.4:
        pipeline.zrem(key, member)
        del held[member]
    elif member in held:
        held[member] += 7.0
        pipeline.zincrby(key, 7, member)
    else:
        held[member] = float(chance.randrange(1_000_000))
        pipeline.zadd(key, {member: held[member]})
    return held or None


KINDS = {
    "string": (_string, lambda client, key: client.get(key)),
    "counter": (_counter, lambda client, key: client.get(key)),
    "bitmap": (_bitmap, lambda client, key: client.get(key)),
    "list": (_list, lambda client, key: client.lrange(key, 0, -1)),
    "hash": (_hash, lambda client, key: client.hgetall(key)),
    "set": (_set, lambda client, key: client.smembers(key)),
    "sorted-set": (_sorted_set, lambda client, key: client.zrange(key, 0, -1, withscores=True)),
    "large": (None, lambda client, key: client.get(key)),
}


class SteadyKeys(Load):
    """A set of keys of all types that is written over and over; every fifth pipeline is a MULTI."""

    per_second = 60.0

    def __init__(self, server, seed: int):
        super().__init__(server)
        self.chance = random.Random(seed)
        self.model: dict[str, object] = {}
        self.client = self.redis()

    def turn(self) -> None:
        pipeline = self.client.pipeline(transaction=self.count % 5 == 0)
        for _ in range(PIPELINE_COMMANDS):
            kind = self.chance.choice([kind for kind in KINDS if kind != "large"])
            key = f"{kind}:{self.chance.randrange(KEYS_PER_KIND)}"
            if self.chance.random() < 0.03:
                pipeline.delete(key)
                self.model[key] = None
            else:
                self.model[key] = KINDS[kind][0](pipeline, key, self.model.get(key), self.chance)
        pipeline.execute()
        self.compare(self.client, [key])
        if self.count % 100 == 0:
            key = f"large:{self.chance.randrange(LARGE_KEYS)}"
            self.model[key] = _text(self.chance, self.chance.randint(*LARGE_BYTES))
            self.client.set(key, self.model[key])

    def leave(self) -> None:
        self.client.close()

    def compare(self, client, keys: list[str]) -> None:
        pipeline = client.pipeline(transaction=False)
        for key in keys:
            KINDS[key.partition(":")[0]][1](pipeline, key)
        for key, found in zip(keys, pipeline.execute(), strict=True):
            held = self.model[key]
            # What was deleted reads as an empty container.
            found = (dict(found) if key.startswith("sorted-set:") else found) or None
            self.expect(found == held, f"{key} holds {str(found)[:200]}, but {str(held)[:200]} was written")

    def check(self, client, bridged: int) -> list[str]:
        """What is not as it was written, and what is there beside."""
        self.wrong = []
        keys = list(self.model)
        for start in range(0, len(keys), COMPARED_AT_ONCE):
            self.compare(client, keys[start : start + COMPARED_AT_ONCE])
        expected = {key for key, held in self.model.items() if held is not None} | {"bridged:count"}
        found = set(client.scan_iter(count=1000))
        self.expect(found == expected, f"keys not as written: {sorted(found ^ expected)[:20]}")
        self.expect(client.dbsize() == len(expected), f"DBSIZE {client.dbsize()} of {len(expected)} keys")
        count = int(client.get("bridged:count") or 0)
        self.expect(count == bridged, f"bridged:count is {count}, but {bridged} transactions were done")
        return self.wrong


class BriefKeys(Load):
    """Keys of several types that expire soon; none of them is there at the end."""

    per_second = 20.0

    def __init__(self, server, seed: int):
        super().__init__(server)
        self.chance = random.Random(seed)
        self.client = self.redis()

    def turn(self) -> None:
        pipeline = self.client.pipeline(transaction=False)
        for _ in range(10):
            key, life = f"brief:{self.chance.randrange(2000)}", self.chance.randint(*LIFE_MILLISECONDS)
            if self.chance.random() < 0.5:
                pipeline.set(key, _text(self.chance, 2000), px=life)
            else:
                pipeline.delete(key).hset(key, "field", _text(self.chance, 2000)).pexpire(key, life)
        pipeline.execute()

    def leave(self) -> None:
        self.client.close()


class PassingKeys(Load):
    """More than memory holds, in a database of its own: `maxmemory` takes away what was not used for long."""

    per_second = 20.0
    database = 1
    # So many of the newest are always there: they are a small part of what is held.
    kept = 200

    def __init__(self, server, seed: int):
        super().__init__(server)
        self.chance = random.Random(seed)
        self.client = self.redis(self.database)
        self.newest: dict[str, str] = {}

    def turn(self) -> None:
        pipeline = self.client.pipeline(transaction=False)
        for each in range(20):
            key, value = f"passing:{self.count * 20 + each}", _text(self.chance, 2000)
            pipeline.set(key, value, ex=LIFE_OF_PASSING_SECONDS)
            self.newest[key] = value
        pipeline.execute()
        for key in list(self.newest)[: -self.kept]:
            del self.newest[key]
        asked = self.chance.sample(list(self.newest), 10)
        found = self.client.mget(asked)
        self.expect(found == [self.newest[key] for key in asked], f"of {asked} some are not as written a moment ago")

    def leave(self) -> None:
        self.client.close()


class Broadcasts(Load):
    """Publishes to a channel and hears it twice, by name and by pattern, in order; subscribes anew at times."""

    per_second = 10.0
    messages = 20

    def work(self) -> None:
        self.client, self.hearing = self.redis(), None
        super().work()

    def turn(self) -> None:
        if self.count % 100 == 0:
            self.leave()
            self.hearing = self.redis().pubsub(ignore_subscribe_messages=True)
            self.hearing.subscribe("news")
            self.hearing.psubscribe("n?ws")
            for _ in range(2):
                self.hearing.get_message(timeout=20)
        numbers = [str(self.count * self.messages + each) for each in range(self.messages)]
        pipeline = self.client.pipeline(transaction=False)
        for number in numbers:
            pipeline.publish("news", number)
        receivers = pipeline.execute()
        heard = [(self.hearing.get_message(timeout=20) or {}).get("data") for _ in range(2 * len(numbers))]
        self.expect(receivers == [2] * len(numbers), f"PUBLISH told of {receivers} receivers")
        self.expect(heard == [number for number in numbers for _ in range(2)], f"of {numbers[:3]}... came {heard}")

    def leave(self) -> None:
        if self.hearing is not None:
            self.hearing.close()
            self.hearing.connection_pool.disconnect()
            # Another loop than the next one's may serve it: on a busy machine its end is seen later.
            while self.client.pubsub_numpat():
                time.sleep(0.01)


class Visitors(Load):
    """Connections of both protocols that come and go, some of them in the middle of a word."""

    per_second = 5.0

    def turn(self) -> None:
        (self.resp_visit, self.amqp_visit, self.half_a_word)[self.count % 3]()

    def resp_visit(self) -> None:
        with self.redis() as client:
            client.set("brief:visit", self.count, px=1000)
            self.expect(int(client.get("brief:visit") or -1) == self.count, "a visitor does not find its own key")

    def amqp_visit(self) -> None:
        """A queue of its own with transient messages, half of them taken and none acknowledged."""
        channel = self.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        for number in range(10):
            channel.basic_publish("", queue, b"%d" % number + b"x" * 500)
        got = [channel.basic_get(queue)[2].split(b"x")[0] for _ in range(5)]
        self.expect(got == [b"%d" % number for number in range(5)], f"a visitor gets {got}")
        channel.connection.close()

    def half_a_word(self) -> None:
        halves = {self.server.resp_port: b"*3\r\n$3\r\nSET\r\n$9\r\nbri", self.server.amqp_port: b"AMQP\0\0\x09\x01"}
        for port, words in halves.items():
            with socket.create_connection(("127.0.0.1", port), 20) as visitor:
                visitor.sendall(words)


class Bridge(Load):
    """MULTI with a counter and AMQP.PUBLISH: what is counted is in the queue."""

    per_second = 20.0

    def __init__(self, server):
        super().__init__(server)
        self.client = self.redis()

    def turn(self) -> None:
        body = b"%d 0 " % self.count
        pipeline = self.client.pipeline().incr("bridged:count")
        replies = pipeline.execute_command("AMQP.PUBLISH", "", "bridged", body).execute()
        self.expect(replies == [self.count + 1, 1], f"the {self.count}th transaction replies {replies}")

    def leave(self) -> None:
        self.client.close()

