"""The loop: start, load, SIGKILL, start, check."""

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pika
import redis

from crash.loads import LOADS
from harness import Warren

# What comes back is compared whole, and grows with each round: every so many the server begins with an empty log.
ROUNDS_PER_LOG = 20
LOAD_SECONDS = (0.05, 0.6)
JOIN_SECONDS = 20
LEVELS = ("always", "everysec")


def main() -> int:
    parser = argparse.ArgumentParser(prog="crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seconds-max", type=float, default=3000, help="no round begins after this time")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="of the moments of the kills")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    print(f"crash: {options.rounds} rounds, seed {options.seed}", flush=True)
    begun = time.monotonic()
    totals = {load.__name__: 0 for load in LOADS}
    rounds, failures = 0, 0
    directory, server = None, None
    while rounds < options.rounds and time.monotonic() - begun < options.seconds_max:
        if rounds % ROUNDS_PER_LOG == 0:
            server, directory = fresh(server, directory, LEVELS[rounds // ROUNDS_PER_LOG % len(LEVELS)])
        wrong = one_round(server, chance, totals)
        rounds += 1
        failures += bool(wrong)
        for text in wrong:
            print(f"crash: round {rounds}: {text}", flush=True)
        if wrong:
            kept = keep(directory, rounds)
            print(f"crash: round {rounds}: log and data are kept in {kept}", flush=True)
        if rounds % 10 == 0:
            print(f"crash: {rounds} rounds, {failures} with failures, {time.monotonic() - begun:.0f} s", flush=True)
    server.close()
    shutil.rmtree(directory)
    counts = ", ".join(f"{name} {count}" for name, count in totals.items())
    print(f"crash: {rounds} rounds, {failures} with failures; acknowledged: {counts}")
    if min(totals.values()) < rounds:
        print("crash: a load got too little done to say anything")
        return 1
    return 1 if failures or rounds < options.rounds else 0


def fresh(server, directory, appendfsync: str):
    """A server with an empty log."""
    if server is not None:
        server.close()
        shutil.rmtree(directory)
    directory = Path(tempfile.mkdtemp(prefix="warren-crash-"))
    server = Warren(directory, appendfsync=appendfsync).start()
    channel = channel_of(server)
    for queue in (queue for load in LOADS for queue in load.queues):
        channel.queue_declare(queue, durable=True)
    channel.connection.close()
    return server, directory


def one_round(server, chance: random.Random, totals: dict[str, int]) -> list[str]:
    """What was wrong after one kill."""
    loads = [load(server) for load in LOADS]
    for load in loads:
        load.start()
    # Counted from when all are at work: connecting takes its time.
    deadline = time.monotonic() + JOIN_SECONDS
    while any(load.acknowledged == 0 and load.is_alive() for load in loads) and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(chance.uniform(*LOAD_SECONDS))
    if not server.is_running():
        return [f"the server had ended by itself\n{server.log_tail()}"]
    server.kill()
    wrong = []
    for load in loads:
        load.join(JOIN_SECONDS)
        if load.is_alive():
            wrong.append(f"{load.name} hangs")
        if load.error is not None:
            wrong.append(f"{load.name}: {load.error!r}")
        totals[load.name] += load.acknowledged
    server.start()
    channel = channel_of(server)
    with redis.Redis(port=server.resp_port, decode_responses=True, socket_timeout=60) as client:
        for load in loads:
            wrong += load.check(client, channel)
    # Its goodbye comes behind its acknowledgements.
    channel.connection.close()
    return wrong


def channel_of(server):
    return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.amqp_port)).channel()


def keep(directory: Path, number: int) -> Path:
    """A copy of what a failed round left, as far as it is after the check."""
    kept = Path(tempfile.gettempdir()) / f"warren-crash-round-{number}-{directory.name}"
    shutil.copytree(directory, kept)
    return kept


sys.exit(main())
