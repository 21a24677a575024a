"""RESP throughput and server CPU per operation, ours beside redis-server, interleaved on two cores.

Servers run on core 0, the load (`warren bench`) on core 1. Every figure is the median of the rounds. Knows no
AMQP scenario yet. Usage: python3 bench/run.py [--rounds N] [--seconds T]
"""

import argparse
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

WARREN = pathlib.Path(__file__).parent.parent / "target/release/warren"
PORT_OURS, PORT_REDIS = 27010, 27011
# name, command, pipeline, whether redis keeps its append-only file
SCENARIOS = [
    ("GET p1", "get", 1, False),
    ("SET p1", "set", 1, False),
    ("GET p16", "get", 16, False),
    ("SET p16", "set", 16, False),
    ("SET p16, AOF everysec", "set", 16, True),
]


def start(command, port):
    server = subprocess.Popen(["taskset", "-c", "0", *map(str, command)], stdout=subprocess.DEVNULL)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return server
        except ConnectionRefusedError:
            time.sleep(0.05)
    server.terminate()
    raise SystemExit(f"{command[0]} does not listen on {port}")


def measure(server, port, command, pipeline, seconds):
    load = ["taskset", "-c", "1", str(WARREN), "bench", "resp", "--fill", "--uri", f"127.0.0.1:{port}",
            "--command", command, "--pipeline", str(pipeline), "--seconds", str(seconds),
            "--server-pid", str(server.pid)]
    output = subprocess.run(load, capture_output=True, text=True, check=True, timeout=60).stdout
    fields = output.splitlines()[-1].split()[1:]
    return {name: float(value) for name, value in (field.split("=") for field in fields)}


def compare(name, command, pipeline, has_aof, arguments):
    with tempfile.TemporaryDirectory() as directory:
        ours = [WARREN, "serve", "--resp-port", PORT_OURS, "--amqp-port", 0, "--http-port", 0,
                "--data-dir", f"{directory}/ours", "--appendfsync", "everysec"]
        redis = ["redis-server", "--port", PORT_REDIS, "--save", "", "--dir", directory,
                 "--appendonly", "yes" if has_aof else "no", "--appendfsync", "everysec"]
        servers = {"warren": (start(ours, PORT_OURS), PORT_OURS)}
        if shutil.which("redis-server"):
            servers["redis"] = (start(redis, PORT_REDIS), PORT_REDIS)
        rounds = {server: [] for server in servers}
        try:
            for _ in range(arguments.rounds):
                for server, (process, port) in servers.items():
                    rounds[server].append(measure(process, port, command, pipeline, arguments.seconds))
        finally:
            for process, _ in servers.values():
                process.terminate()
                process.wait()
    median = {server: {field: statistics.median(run[field] for run in runs) for field in runs[0]}
              for server, runs in rounds.items()}
    for server, figures in median.items():
        ratio = figures["server_cpu_us"] / median["redis"]["server_cpu_us"] if "redis" in median else 0
        print(f"| {name} | {server} | {figures['rate']:.0f} | {figures['p50_us']:.0f} | {figures['p99_us']:.0f} "
              f"| {figures['server_cpu_us']:.2f} | {ratio:.2f} |", flush=True)


parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--seconds", type=float, default=4)
chosen = parser.parse_args()
print("Warren's log is always on (everysec); redis has none unless the scenario says so.")
print("| scenario | server | ops/s | p50 us | p99 us | server CPU us/op | ratio to redis |\n|---|---|---|---|---|---|---|")
for scenario in SCENARIOS:
    compare(*scenario, chosen)
