"""Ports for servers that tests start.

They come from below the range the kernel hands to outgoing connections, so that no client of a
parallel test is given the port between our look and the server's bind.
WARREN_TEST_PORTS=22000-22499 narrows the range.
"""

import os
import random
import socket

FIRST, LAST = (int(port) for port in os.environ.get("WARREN_TEST_PORTS", "20000-31999").split("-"))

_random = random.Random(os.urandom(8))
_given: set[int] = set()


def free_port() -> int:
    """A port nobody listens on now, and that this process has not handed out before."""
    for _ in range(1000):
        port = _random.randint(FIRST, LAST)
        if port not in _given and _can_bind(port):
            _given.add(port)
            return port
    raise RuntimeError(f"no free port between {FIRST} and {LAST}")


def is_listening(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
