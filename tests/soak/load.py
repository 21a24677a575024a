"""What all loads have in common: a thread, a rate it keeps, and what went wrong."""

import threading
import time

import pika
import redis

# A load further behind than this does not catch up: it would be a flood, and no steady rate.
BEHIND_SECONDS_MAX = 1


class Load(threading.Thread):
    """Works `per_second` times a second until `stopping` is set. `count` is how often it has."""

    per_second = 0.0

    def __init__(self, server, name: str = ""):
        super().__init__(daemon=True, name=name or type(self).__name__)
        self.server = server
        self.stopping = threading.Event()
        self.count = 0
        self.wrong: list[str] = []

    def run(self) -> None:
        try:
            self.work()
        except BaseException as error:  # the server runs all the time: whatever it is, it is a failure
            self.wrong.append(f"ended at {self.count} by {error!r}")

    def work(self) -> None:
        """One turn after another, at the rate."""
        due = time.monotonic()
        while not self.stopping.is_set():
            self.turn()
            self.count += 1
            due = max(due + 1 / self.per_second, time.monotonic() - BEHIND_SECONDS_MAX)
            self.stopping.wait(max(0.0, due - time.monotonic()))
        self.leave()

    def progress(self) -> int:
        """Grows as long as the load does not hang."""
        return self.count

    def turn(self) -> None:
        raise NotImplementedError

    def leave(self) -> None:
        """After the last turn."""

    def expect(self, is_right: bool, text: str) -> None:
        """Notes what is wrong; the first few are enough."""
        if not is_right and len(self.wrong) < 10:
            self.wrong.append(text)

    def redis(self, database: int = 0) -> redis.Redis:
        # Latin-1 keeps every byte, also those of a bitmap.
        return redis.Redis(
            port=self.server.resp_port,
            db=database,
            retry=None,
            socket_timeout=60,
            decode_responses=True,
            encoding="latin-1",
        )

    def parameters(self) -> pika.ConnectionParameters:
        return pika.ConnectionParameters("127.0.0.1", self.server.amqp_port)

    def channel(self):
        return pika.BlockingConnection(self.parameters()).channel()
