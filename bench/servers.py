"""The servers that are measured, each pinned to one core: ours, and what is installed of its peers.

They are the servers of the tests' harness; this module adds the pinning and the choice of settings.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from harness import peers, warren  # noqa: E402

SERVER_CORE, LOAD_CORE = "0", "1"
VALKEY = os.environ.get("WARREN_VALKEY_SERVER", "valkey-server")


class Pinned:
    def command(self) -> list[str]:
        return ["taskset", "-c", SERVER_CORE, *super().command()]


class Warren(Pinned, warren.Warren):
    pass


class Redis(Pinned, peers.Redis):
    """Without its append-only file unless `appendfsync` is given."""


class Valkey(Redis):
    name = "valkey"
    binary = VALKEY


class RabbitMQ(Pinned, peers.RabbitMQ):
    """Its process becomes the virtual machine (beam.smp), so that its CPU time is the broker's. It counts the
    cores it may use and starts one scheduler."""


def resp_servers(directory: Path) -> dict:
    """By name, all of them started. Ours always has its log."""
    made = {"warren, everysec": Warren(directory / "warren", amqp_port=0, http_port=0)}
    for kind in (Redis, Valkey):
        if kind.is_installed():
            made[f"{kind.name}, no AOF"] = kind(directory / f"{kind.name}-memory")
            made[f"{kind.name}, AOF everysec"] = kind(directory / f"{kind.name}-aof", appendfsync="everysec")
    return made


def amqp_servers(directory: Path) -> dict:
    made = {
        f"warren, {level}": Warren(directory / f"warren-{level}", http_port=0, publisher_confirms=level)
        for level in ("synced", "written")
    }
    if RabbitMQ.is_installed():
        made["rabbitmq"] = RabbitMQ(directory / "rabbitmq")
    return made


@contextlib.contextmanager
def started(made: dict):
    """All of them run within it, and none behind it."""
    try:
        for server in made.values():
            server.start()
        yield made
    finally:
        for server in made.values():
            # A RabbitMQ's stop also ends the name server that was started with it.
            with contextlib.suppress(AssertionError):
                server.stop()


def missing() -> list[str]:
    return [kind.name for kind in (Redis, Valkey, RabbitMQ) if not kind.is_installed()]


def versions() -> list[str]:
    """What was measured, for the table's head."""
    lines = [_output([str(warren.binary()), "--version"])]
    for kind in (Redis, Valkey):
        if kind.is_installed():
            found = re.search(r"v=(\S+)", _output([kind.binary, "--version"]))
            lines.append(f"{kind.name} {found.group(1) if found else '?'}")
    if RabbitMQ.is_installed():
        # The name of its directory: asking it starts a virtual machine.
        plugins = Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*")
        lines.append(f"rabbitmq {' '.join(folder.name.removeprefix('rabbitmq_server-') for folder in plugins) or '?'}")
    return lines


def machine() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    cores, kernel = os.cpu_count(), os.uname().release
    return (f"{model.group(1) if model else os.uname().machine}, {cores} cores, "
            f"{int(memory.group(1)) // 1024 // 1024 if memory else '?'} GiB, Linux {kernel}")


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip()


def require_tools() -> None:
    if (os.cpu_count() or 1) < 2 or shutil.which("taskset") is None:
        raise SystemExit("two cores and taskset are needed: one core for the server, one for the load")
