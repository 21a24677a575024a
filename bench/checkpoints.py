"""SETs with and without a checkpoint (BGSAVE) under way all the time."""

import contextlib
import random
import socket
import threading
import time

import load
import servers
from servers import started
from tables import table

KEY_COUNT = 1_000_000
ENTRY_COUNT = 10_000_000
FILL_BATCH = 1000
# Batches that are sent before replies are read.
FILL_WINDOW = 20
# What changes a large object meanwhile: bursts, so that Python's own CPU time stays small beside the load's.
BURST, BURST_SECONDS = 50, 0.02
WORDS = ["--command", "set", "--connections", 50, "--keys", KEY_COUNT]


def keys(chosen, directory) -> None:
    """Over a million string keys, ours and Redis."""
    made = {"warren, everysec": servers.Warren(directory / "checkpoint", amqp_port=0, http_port=0)}
    if servers.Redis.is_installed():
        made["redis, AOF everysec"] = servers.Redis(directory / "checkpoint-redis", appendfsync="everysec")
    with started(made) as running:
        for name, server in running.items():
            load.resp(server, [*WORDS, "--fill"], 1).figures()
            compare(chosen, name, server, "SET p1, 1M keys", contextlib.nullcontext, lambda: None)


def large_objects(chosen, directory) -> None:
    """Over a million string keys and one object of ten million entries that changes all the time, or goes."""
    for name, entries, changes in OBJECTS:
        with started({"warren": servers.Warren(directory / name, http_port=0)}) as running:
            server = running["warren"]
            load.resp(server, [*WORDS, "--fill"], 1).figures()
            fill(server, (entries(first) for first in range(0, ENTRY_COUNT, FILL_BATCH)))
            compare(chosen, "warren, everysec", server, f"SET p1, beside {name} of 10M entries",
                    lambda: Beside(server, changes), lambda: None)
    for name, prepare, command in ENDS:
        with started({"warren": servers.Warren(directory / name, http_port=0)}) as running:
            server = running["warren"]
            compare(chosen, "warren, everysec", server, f"SET p1, {name}",
                    lambda: Once(command, server, chosen.seconds / 2), lambda: prepare(server))


def compare(chosen, name: str, server, scenario: str, disturbed, prepare) -> None:
    """`disturbed`: makes what runs beside the load; `prepare` goes before each run."""
    alone, accompanied = [], []
    for _ in range(chosen.rounds):
        for runs, has_checkpoints in ((alone, False), (accompanied, True)):
            prepare()
            save(server)
            measured = load.resp(server, WORDS, chosen.seconds)
            with disturbed():
                if has_checkpoints:
                    saves_until(server, measured.process)
                runs.append(measured.figures())
    alone, accompanied = load.medians(alone), load.medians(accompanied)
    table(scenario, {name: alone}, "", {name: tail(alone)})
    share = accompanied["p999_us"] / alone["p999_us"]
    limit = " (<= 3)" if name.startswith("warren") else ""
    table(f"{scenario}, beside BGSAVE", {name: accompanied}, "",
          {name: f"{tail(accompanied)}, p99.9 {share:.2f} of without{limit}"})


def tail(figures: dict) -> str:
    return f"p99.9 {figures['p999_us']:.0f} us, highest {figures['max_us']:.0f} us"


def saves_until(server, process) -> None:
    """One BGSAVE after the other until the process ends. A save under way is a refusal, and no harm."""
    with socket.create_connection(("127.0.0.1", server.resp_port)) as connection:
        while process.poll() is None:
            connection.sendall(b"BGSAVE\r\n")
            connection.recv(4096)
            time.sleep(0.05)


def save(server) -> None:
    """A whole checkpoint, so that none that is due of itself begins in the run."""
    with socket.create_connection(("127.0.0.1", server.resp_port)) as connection:
        while facts(connection)["rdb_bgsave_in_progress"] != "0":
            time.sleep(0.1)
        before = facts(connection)["rdb_saves"]
        exchange(connection, encode("BGSAVE"), 1)
        while facts(connection)["rdb_saves"] == before:
            time.sleep(0.1)


def facts(connection) -> dict[str, str]:
    connection.sendall(encode("INFO", "persistence"))
    received = connection.recv(1 << 16).decode()
    return dict(line.split(":", 1) for line in received.split("\r\n") if ":" in line)


def encode(*words) -> bytes:
    texts = [str(word) for word in words]
    return "".join([f"*{len(texts)}\r\n", *(f"${len(text)}\r\n{text}\r\n" for text in texts)]).encode()


def exchange(connection, requests: bytes, count: int) -> None:
    """`count` requests whose replies have one line each."""
    connection.sendall(requests)
    while count > 0:
        received = connection.recv(1 << 16)
        if not received or b"-" in received:
            raise SystemExit(f"a request failed: {received[:200]!r}")
        count -= received.count(b"\n")


def fill(server, batches) -> None:
    """`batches`: bytes with the number of requests in them."""
    with socket.create_connection(("127.0.0.1", server.resp_port)) as connection:
        waiting, count = b"", 0
        for index, (requests, number) in enumerate(batches):
            waiting, count = waiting + requests, count + number
            if index % FILL_WINDOW == 0:
                exchange(connection, waiting, count)
                waiting, count = b"", 0
        exchange(connection, waiting, count)


class Beside(threading.Thread):
    """Bursts of changes for as long as its context lasts."""

    def __init__(self, server, changes):
        super().__init__(daemon=True)
        self.server, self.changes, self.stopping = server, changes, threading.Event()

    def run(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.resp_port)) as connection:
            while not self.stopping.wait(BURST_SECONDS):
                exchange(connection, b"".join(self.changes() for _ in range(BURST)), BURST)

    def __enter__(self):
        self.start()

    def __exit__(self, *_):
        self.stopping.set()
        self.join()


class Once(threading.Timer):
    """`command` of a server, some seconds later."""

    def __init__(self, command, server, seconds: float):
        super().__init__(seconds, command, [server])

    def __enter__(self):
        self.start()

    def __exit__(self, *_):
        self.join()


def anywhere() -> int:
    return random.randrange(ENTRY_COUNT)


def sorted_set_batch(first: int) -> tuple[bytes, int]:
    pairs = (word for entry in range(first, first + FILL_BATCH) for word in (entry * 7919 % ENTRY_COUNT, f"m{entry}"))
    return encode("ZADD", "large", *pairs), 1


def hash_batch(first: int) -> tuple[bytes, int]:
    pairs = (word for entry in range(first, first + FILL_BATCH) for word in (f"f{entry}", f"value:{entry}"))
    return encode("HSET", "large", *pairs), 1


def list_batch(first: int) -> tuple[bytes, int]:
    return encode("RPUSH", "large", *(f"element:{entry}" for entry in range(first, first + FILL_BATCH))), 1


# Name, the batch of entries from a number on, one change.
OBJECTS = [
    ("ZADD to a sorted set", sorted_set_batch, lambda: encode("ZADD", "large", anywhere(), f"m{anywhere()}")),
    ("HSET to a hash", hash_batch, lambda: encode("HSET", "large", f"f{anywhere()}", f"again:{anywhere()}")),
    ("LPUSH to a list", list_batch, lambda: encode("LPUSH", "large", f"element:{anywhere()}")),
]


def fill_queue(server) -> None:
    with channel(server) as opened:
        opened.queue_declare("large", durable=True)
    publish = encode("AMQP.PUBLISH", "", "large", "a body of 16 byt")
    fill(server, ((publish * FILL_BATCH, FILL_BATCH) for _ in range(0, ENTRY_COUNT, FILL_BATCH)))


def purge(server) -> None:
    with channel(server) as opened:
        opened.queue_purge("large")


@contextlib.contextmanager
def channel(server):
    import pika  # in the tests' venv, which the other parts do without

    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.amqp_port))
    yield connection.channel()
    connection.close()


def fill_keys(server) -> None:
    load.resp(server, [*WORDS, "--fill"], 1).figures()


def flush(server) -> None:
    with socket.create_connection(("127.0.0.1", server.resp_port)) as connection:
        exchange(connection, encode("FLUSHALL"), 1)


# Name, what goes before each run, what happens in its middle.
ENDS = [
    ("through queue.purge of 10M messages", fill_queue, purge),
    ("through FLUSHALL of 1M keys", fill_keys, flush),
]
