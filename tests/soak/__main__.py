"""The run: loads, measures, and what is there at the end and after a restart."""

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pika
import redis

from harness import Warren
from soak.keys import Bridge, BriefKeys, Broadcasts, PassingKeys, SteadyKeys, Visitors
from soak.measures import Measures
from soak.messages import SWELL_MESSAGES, Flows

# Small bounds, so that within minutes bodies leave memory, segments go, and keys are evicted.
SETTINGS = {
    "appendfsync": "everysec",
    "body_memory": "16mb",
    "segment_size": "4mb",
    "maxmemory": "40mb",
    "maxmemory_policy": "volatile-lru",
}
SAVE_SECONDS = 30
JOIN_SECONDS = 60
# A load that gets nothing done for so long hangs.
STANDSTILL_SECONDS = 60
# Consumers stop before publishers, so that messages are left.
LEAVE_SECONDS = 3
# Until the last keys and messages have expired.
EXPIRY_SECONDS = 8
# Of its rate; a load that gets less done says nothing about it.
SHARE_MIN = 0.5


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="of keys and values")
    options = parser.parse_args()
    print(f"soak: {options.minutes:g} minutes, seed {options.seed}", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="warren-soak-"))
    server = Warren(directory, **SETTINGS).start()
    try:
        wrong = soak(server, options.minutes * 60, options.seed)
    except Exception as error:  # told beside the log of the server
        wrong = [f"ended by {error!r}"]
    for text in wrong:
        print(f"soak: {text}", flush=True)
    if not server.is_running():
        print(f"soak: the server has ended with {server.process.returncode}\n{server.log_tail()}")
    server.close()
    if wrong:
        print(f"soak: FAILED; log and data are kept in {directory}")
        return 1
    shutil.rmtree(directory)
    print("soak: nothing lost, nothing drifts")
    return 0


def soak(server, seconds: float, seed: int) -> list[str]:
    bridge, keys = Bridge(server), SteadyKeys(server, seed)
    flows = Flows(server, bridge)
    channel = channel_of(server)
    flows.declare(channel)
    channel.connection.close()
    brief, passing = BriefKeys(server, seed + 1), PassingKeys(server, seed + 2)
    others = [keys, brief, passing, Broadcasts(server), Visitors(server), bridge]
    loads = [*flows.publishers, *flows.consumers, *others]
    measures = Measures(
        server,
        [*flows.publishers, bridge],
        flows.consumers,
        flows.backlog,
    )
    for thread in (*loads, measures):
        thread.start()
    begun, saves, wrong = time.monotonic(), 0, []
    moved = {load: (0, begun) for load in loads}
    with redis.Redis(port=server.resp_port, socket_timeout=60) as client:
        while not wrong and (elapsed := time.monotonic() - begun) < seconds:
            time.sleep(1)
            if elapsed > (saves + 1) * SAVE_SECONDS:
                saves += bool(save(client))
            wrong = trouble(server, loads, measures, moved)
        elapsed = time.monotonic() - begun
        facts = {} if wrong else client.info("all")
    wrong += ending(flows, loads, measures)
    wrong += [] if wrong else outcome(flows, loads, measures, elapsed, saves, facts)
    if not server.is_running():
        return [*wrong, "the server ended by itself"]
    time.sleep(EXPIRY_SECONDS)
    wrong += check(server, flows, keys, "at the end", is_restarted=False)
    stopped = time.monotonic()
    status = server.stop(seconds=60)
    server.start()
    print(f"soak: ended with {status} and started again within {time.monotonic() - stopped:.1f} s", flush=True)
    return wrong + check(server, flows, keys, "after the restart", is_restarted=True)


def save(client) -> bool:
    """BGSAVE, unless the server's own checkpoint is just running."""
    try:
        return client.bgsave()
    except redis.ResponseError as error:
        if "in progress" in str(error):
            return False
        raise


def trouble(server, loads, measures, moved) -> list[str]:
    """What ends the run at once."""
    if not server.is_running():
        return [f"the server ended by itself with {server.process.returncode}"]
    now = time.monotonic()
    wrong = list(measures.wrong)
    for load in loads:
        wrong += [f"{load.name}: {text}" for text in load.wrong]
        if load.progress() != moved[load][0]:
            moved[load] = (load.progress(), now)
        elif now - moved[load][1] > STANDSTILL_SECONDS:
            wrong.append(f"{load.name} stands still at {load.count} for {STANDSTILL_SECONDS} s")
    return wrong


def ending(flows, loads, measures) -> list[str]:
    """Stops the loads, the consumers first."""
    measures.stopping.set()
    for consumer in flows.consumers:
        consumer.stopping.set()
    time.sleep(LEAVE_SECONDS)
    for load in loads:
        load.stopping.set()
    wrong = []
    for thread in (*loads, measures):
        thread.join(JOIN_SECONDS)
        if thread.is_alive():
            wrong.append(f"{thread.name} does not end")
        wrong += [f"{thread.name}: {text}" for text in thread.wrong]
    return sorted(set(wrong))


def outcome(flows, loads, measures, elapsed: float, saves: int, facts: dict) -> list[str]:
    """What the loads got done, and whether the server drifted meanwhile. `facts`: what INFO said at the end."""
    wrong = []
    automatic, evicted = facts["rdb_saves"] - saves, facts["evicted_keys"]
    for load in loads:
        wanted = load.per_second * elapsed
        print(f"soak: {load.name}: {load.count}" + (f", {load.count / wanted:.0%} of its rate" if wanted else ""))
        if load.count == 0 or load.count < wanted * SHARE_MIN:
            wrong.append(f"{load.name} got too little done to say anything")
    print(f"soak: checkpoints: {saves} by BGSAVE, {automatic} by the server itself; {evicted} keys evicted", flush=True)
    if evicted == 0:
        wrong.append("no key was evicted")
    if automatic <= 0:
        wrong.append("the server took no checkpoint by itself")
    if any(consumer.count < SWELL_MESSAGES for consumer in flows.late):
        wrong.append("a swollen queue was never drained")
    return wrong + measures.drift()


def check(server, flows, keys, when: str, is_restarted: bool) -> list[str]:
    with redis.Redis(port=server.resp_port, socket_timeout=60, decode_responses=True, encoding="latin-1") as client:
        wrong = keys.check(client, flows.bridge.count)
        count = client.dbsize()
    channel = channel_of(server)
    more, waiting = flows.check(channel, is_restarted)
    channel.connection.close()
    print(f"soak: {when}: {count} keys, {waiting} messages wait, {len(wrong + more)} failures", flush=True)
    return [f"{when}: {text}" for text in wrong + more]


def channel_of(server):
    return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.amqp_port)).channel()


sys.exit(main())
