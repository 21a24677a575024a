"""What a start takes: of an empty server, and of one that was killed with data."""

import socket
import statistics
import time

import load
import servers
from harness.ports import is_listening
from tables import number, row

KEY_COUNT = 10_000_000
# Until everything is synced, and a rewrite or checkpoint that the fill began is done.
SETTLE_SECONDS = 20
START_SECONDS_MAX = 300


def empty(chosen, directory) -> None:
    seconds, sizes = [], []
    for index in range(2 * chosen.rounds):
        server = servers.Warren(directory / f"start-{index}")
        try:
            seconds.append(launched(server, lambda: all(is_listening(port) for port in server.ports())))
            time.sleep(0.5)
            sizes.append(server.rss_bytes())
        finally:
            server.stop()
    row("empty start, listening", "warren", "", f"{statistics.median(seconds) * 1000:.0f} ms", "", "", "", "<= 50 ms")
    row("empty start, RSS", "warren", "", f"{statistics.median(sizes) / 2**20:.1f} MiB", "", "", "", "<= 15 MiB")


def filled(chosen, directory) -> None:
    """Ten million SETs of random keys, SIGKILL, and the time to the first PONG."""
    made = {"warren": servers.Warren(directory / "filled", amqp_port=0, http_port=0)}
    if servers.Redis.is_installed():
        made["redis, AOF everysec"] = servers.Redis(directory / "filled-redis", appendfsync="everysec")
    for name, server in made.items():
        try:
            server.start()
            load.resp(server, ["--command", "set", "--keys", KEY_COUNT, "--fill"], 1).figures()
            time.sleep(SETTLE_SECONDS)
            seconds, cpu = [], []
            for _ in range(chosen.rounds):
                server.kill()
                seconds.append(launched(server, lambda: answers(server)))
                cpu.append(server.cpu_seconds())
            row("start after SIGKILL, 10M keys", name, "", f"{statistics.median(seconds):.1f} s", "",
                f"{number(statistics.median(cpu), 1)} s", "", f"RSS {server.rss_bytes() / 2**20:.0f} MiB")
        finally:
            server.kill()


def launched(server, is_ready) -> float:
    """Seconds from the start of the process until it is ready."""
    begin = time.monotonic()
    server.launch()
    while not is_ready():
        if server.process.poll() is not None or time.monotonic() - begin > START_SECONDS_MAX:
            raise SystemExit(f"it does not start: {server.log_tail()}")
        time.sleep(0.0005)
    return time.monotonic() - begin


def answers(server) -> bool:
    """Redis listens long before, and says that it is loading."""
    try:
        with socket.create_connection(("127.0.0.1", server.resp_port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(100).startswith(b"+PONG")
    except OSError:
        return False
