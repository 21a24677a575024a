"""Throughput, latency and server CPU time, ours beside every peer that is installed: `make bench`.

Each server runs on core 0 and the load (`warren bench`) on core 1, one server at a time, in interleaved rounds;
every figure is the median of the rounds. It takes about ten minutes, works in a directory of its own, uses free
ports, and ends only what it has started.

    python3 bench/run.py [PART ...] [--rounds N] [--seconds T] [--directory D]

`large` fills objects of ten million entries and a queue of ten million messages: it needs 4 GB of memory, pika, and
ten minutes of its own; `restart` fills each server with ten million keys and takes three. They run only when they are
named.
"""

import argparse
import tempfile
import time
from pathlib import Path

import checkpoints
import load
import servers
import starts
from servers import started
from tables import HEAD, interleaved, number, row, table

REPOSITORY = Path(__file__).resolve().parent.parent

# Parts that are run only when they are named.
LONG = {"large", "restart"}

# Name, command, pipeline; which servers, and the limit of our CPU time as a share of theirs.
RESP = [
    ("GET p1", "get", 1, {"no AOF": 0.80}),
    ("SET p1", "set", 1, {"no AOF": None, "AOF": 0.80}),
    ("GET p16", "get", 16, {"no AOF": 0.48}),
    ("SET p16", "set", 16, {"no AOF": None, "AOF": 0.60}),
]
TRANSIENT = ["--size", 16, "--backlog", 2000]
PERSISTENT = ["--size", 1024, "--persistent", "--confirms", 100, "--ack-batch", 10, "--prefetch", 200]
# Name, generator's words, prefix of the latency's fields, whether --publisher-confirms matters, limit in us.
AMQP = [
    ("transient, 16 B, no ack", TRANSIENT, "", False, 2.0),
    ("persistent, 1 KB, 100 confirms, ack 10", PERSISTENT, "confirm_", True, 8.0),
]
# What the log writes for one record with a body of 1 KB.
LOG_WRITE_SIZE_BYTES = 1152
WINDOW_1 = ["--size", 1024, "--persistent", "--confirms", 1, "--consumers", 0]


def resp(chosen, directory) -> None:
    with started(servers.resp_servers(directory)) as made:
        for scenario, command, pipeline, limits in RESP:
            words = ["--fill", "--command", command, "--pipeline", pipeline]
            matching = {name: server for name, server in made.items()
                        if name.startswith("warren") or any(f", {level}" in name for level in limits)}
            runs = {name: (lambda server=server: load.resp(server, words, chosen.seconds))
                    for name, server in matching.items()}
            texts = {name: f"ratio <= {limit}" for name in runs for level, limit in limits.items()
                     if limit and name.startswith("redis") and f", {level}" in name}
            table(scenario, interleaved(chosen, runs), "", texts)


def amqp(chosen, directory) -> None:
    with started(servers.amqp_servers(directory)) as made:
        for scenario, words, prefix, by_level, limit in AMQP:
            matching = {name: server for name, server in made.items() if by_level or name != "warren, written"}
            runs = {name: (lambda server=server: load.amqp(server, words, chosen.seconds))
                    for name, server in matching.items()}
            texts = {name: f"<= {limit} us" for name in runs if name.startswith("warren")}
            table(scenario, interleaved(chosen, runs), prefix, texts)


def confirms(chosen, directory) -> None:
    """Window 1 beside the disk's own rate of syncs, then 100 queues beside one."""
    data = directory / "disk"
    data.mkdir(exist_ok=True)
    made = servers.amqp_servers(directory)
    with started({name: server for name, server in made.items() if name != "warren, written"}) as running:
        disks = {"disk, preallocated": False, "disk, written over zeros": True}
        runs = {name: (lambda is_filled=is_filled: load.disk(data, LOG_WRITE_SIZE_BYTES, is_filled, chosen.seconds))
                for name, is_filled in disks.items()}
        for name, server in running.items():
            runs[name] = lambda server=server: load.amqp(server, WINDOW_1, chosen.seconds)
        figures = interleaved(chosen, runs)
        raws = [figures.pop(name) for name in disks]
        for name, raw in zip(disks, raws):
            row("write, fdatasync, and again", name, number(raw["rate"], 0), number(raw["p50_us"], 0),
                number(raw["p99_us"], 0), "", "", "")
        shares = {name: " and ".join(f"{median['rate'] / raw['rate']:.2f}" for raw in raws)
                  for name, median in figures.items()}
        texts = {name: f"{share} of the disk (>= 0.9 of the first)" for name, share in shares.items()}
        table("confirm window 1, 1 KB", figures, "confirm_", texts)
        runs = {}
        for name, server in running.items():
            for count in (1, 100):
                words = [*PERSISTENT, "--queues", count]
                runs[f"{name}, {count}"] = lambda server=server, words=words: load.amqp(server, words, chosen.seconds)
        figures = interleaved(chosen, runs)
        for name in running:
            share = figures[f"{name}, 100"]["rate"] / figures[f"{name}, 1"]["rate"]
            table("window 100, one queue", {name: figures[f"{name}, 1"]}, "confirm_", {})
            table("window 100, 100 queues", {name: figures[f"{name}, 100"]}, "confirm_",
                  {name: f"{share:.2f} of one queue (>= 0.9)"})


def beside(chosen, directory) -> None:
    """SETs with and without a publisher that keeps the disk busy."""
    words = ["--command", "set", "--connections", 50]
    with started({"warren": servers.Warren(directory / "beside", http_port=0)}) as made:
        server = made["warren"]
        alone, accompanied = [], []
        for _ in range(chosen.rounds):
            alone.append(load.resp(server, words, chosen.seconds).figures())
            publisher = load.amqp(server, PERSISTENT, chosen.seconds + 2)
            time.sleep(1)
            accompanied.append(load.resp(server, words, chosen.seconds).figures())
            publisher.figures()
    alone, accompanied = load.medians(alone), load.medians(accompanied)
    table("SET p1, alone", {"warren, everysec": alone}, "", {})
    share = accompanied["p99_us"] / alone["p99_us"]
    table("SET p1, beside confirms", {"warren, everysec": accompanied}, "",
          {"warren, everysec": f"p99 {share:.2f} of alone (<= 2)"})


def main() -> None:
    parts = {"resp": resp, "amqp": amqp, "confirms": confirms, "beside": beside, "checkpoint": checkpoints.keys,
             "start": starts.empty, "restart": starts.filled, "large": checkpoints.large_objects}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts) + f"; all but {' and '.join(sorted(LONG))} if none is named")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--directory", type=Path, default=REPOSITORY / "target", help="on the disk to be measured")
    chosen = parser.parse_args()
    if unknown := set(chosen.parts) - set(parts):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    servers.require_tools()
    print(servers.machine())
    print("; ".join(servers.versions()))
    print(f"missing: {', '.join(servers.missing()) or 'no peer'}")
    print(f"medians of {chosen.rounds} rounds of {chosen.seconds:g} s\n")
    print(HEAD + "\n|" + "---|" * HEAD.count(" | ") + "---|")
    for name, part in parts.items():
        if name in chosen.parts or not chosen.parts and name not in LONG:
            with tempfile.TemporaryDirectory(prefix="bench-", dir=chosen.directory) as directory:
                part(chosen, Path(directory))


main()
