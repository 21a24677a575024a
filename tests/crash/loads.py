"""The loads of a round. Each runs on a thread until the server is gone, notes what was acknowledged, and then
checks the server that was started again. What is found is taken out, so that the next round begins with nothing."""

import random
import threading

import pika
import redis

PERSISTENT = pika.BasicProperties(delivery_mode=2)
PIPELINE_COMMANDS = 40
IN_FLIGHT_MAX = 100
TRANSACTION_MESSAGES = 3


class Load(threading.Thread):
    """`acknowledged` counts what the client was told is done: numbers 0, 1, 2... in order."""

    queues: tuple[str, ...] = ()

    def __init__(self, server):
        super().__init__(daemon=True, name=type(self).__name__)
        self.server = server
        self.acknowledged = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.work()
        except (redis.RedisError, pika.exceptions.AMQPError, OSError):
            pass  # the server is gone
        except BaseException as error:  # told as a failure of the round
            self.error = error

    def work(self) -> None:
        raise NotImplementedError

    def check(self, client: redis.Redis, channel) -> list[str]:
        """What is wrong, in words; empty if nothing is."""
        raise NotImplementedError

    def redis(self) -> redis.Redis:
        return redis.Redis(port=self.server.resp_port, retry=None, socket_timeout=20, decode_responses=True)

    def channel(self):
        parameters = pika.ConnectionParameters("127.0.0.1", self.server.amqp_port)
        return pika.BlockingConnection(parameters).channel()

    def compare(self, what: str, found: list[int], unit: int = 1) -> list[str]:
        """`found` are the numbers from 0 on, at least the acknowledged ones, in whole units."""
        wrong = []
        if found != list(range(len(found))):
            wrong.append(f"{what}: out of order, twice or with a gap: {_excerpt(found)}")
        if len(found) < self.acknowledged * unit:
            wrong.append(f"{what}: {len(found)} found of {self.acknowledged * unit} acknowledged")
        if len(found) % unit:
            wrong.append(f"{what}: {len(found)} found, but {unit} come together")
        return wrong


class Pipelines(Load):
    """Pipelines of writes, each command on its own: list and counter."""

    def work(self) -> None:
        with self.redis() as client:
            number = 0
            while True:
                pipeline = client.pipeline(transaction=False)
                for each in range(number, number + PIPELINE_COMMANDS):
                    pipeline.rpush("pipelined", each).set(f"key:{each % 1000}", f"{each}:" + "x" * random.randint(0, 2000))
                pipeline.execute()
                number += PIPELINE_COMMANDS
                self.acknowledged = number

    def check(self, client, _channel):
        found = [int(number) for number in client.lrange("pipelined", 0, -1)]
        wrong = self.compare("pipelined list", found)
        newest = range(max(0, self.acknowledged - 1000), self.acknowledged)
        values = client.mget([f"key:{each % 1000}" for each in newest]) if newest else []
        for each, value in zip(newest, values, strict=True):
            if value is None or int(value.split(":")[0]) < each:
                wrong.append(f"key:{each % 1000} is {value and value[:20]}, but {each} was acknowledged")
        client.delete("pipelined", *(f"key:{each}" for each in range(1000)))
        return wrong


class Transactions(Load):
    """MULTI with writes and AMQP.PUBLISH: both, or neither."""

    queues = ("bridged",)

    def work(self) -> None:
        with self.redis() as client:
            for number in range(1_000_000_000):
                pipeline = client.pipeline().incr("count").rpush("counted", number)
                pipeline.execute_command("AMQP.PUBLISH", "", "bridged", number)
                pipeline.incr("count again").execute()
                self.acknowledged = number + 1

    def check(self, client, channel):
        counted = [int(number) for number in client.lrange("counted", 0, -1)]
        messages = taken(channel, "bridged")
        counts = [int(client.get(name) or 0) for name in ("count", "count again")]
        wrong = self.compare("transactions", counted)
        if counts != [len(counted)] * 2 or messages != counted:
            wrong.append(f"half a transaction: counters {counts}, {len(counted)} in the list, {len(messages)} messages")
        client.delete("count", "count again", "counted")
        return wrong


class Confirms(Load):
    """A publisher with many confirms in flight, to two queues in turn."""

    queues = ("even", "odd")

    def work(self) -> None:
        self.sent = 0
        self.connection = pika.SelectConnection(
            pika.ConnectionParameters("127.0.0.1", self.server.amqp_port),
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._opened),
            on_close_callback=lambda connection, _reason: connection.ioloop.stop(),
            on_open_error_callback=lambda connection, _error: connection.ioloop.stop(),
        )
        self.connection.ioloop.start()

    def _opened(self, channel) -> None:
        self.publishing = channel
        channel.confirm_delivery(self._confirmed, callback=lambda _frame: self._fill())

    def _confirmed(self, frame) -> None:
        assert isinstance(frame.method, pika.spec.Basic.Ack), frame
        tag = frame.method.delivery_tag
        assert frame.method.multiple or tag == self.acknowledged + 1, "a confirm out of turn"
        self.acknowledged = tag
        self._fill()

    def _fill(self) -> None:
        while self.sent - self.acknowledged < IN_FLIGHT_MAX and self.publishing.is_open:
            body = b"%d " % (self.sent // 2) + b"x" * random.randint(0, 3000)
            self.publishing.basic_publish("", self.queues[self.sent % 2], body, PERSISTENT)
            self.sent += 1

    def check(self, _client, channel):
        acknowledged, wrong = self.acknowledged, []
        for parity, queue in enumerate(self.queues):
            self.acknowledged = (acknowledged + 1 - parity) // 2
            wrong += self.compare(f"confirmed in {queue}", taken(channel, queue))
        self.acknowledged = acknowledged
        return wrong


class Commits(Load):
    """AMQP transactions of several messages: all, or none."""

    queues = ("committed",)

    def work(self) -> None:
        channel = self.channel()
        channel.tx_select()
        for number in range(1_000_000_000):
            for each in range(TRANSACTION_MESSAGES):
                channel.basic_publish("", "committed", b"%d" % (number * TRANSACTION_MESSAGES + each), PERSISTENT)
            channel.tx_commit()
            self.acknowledged = number + 1

    def check(self, _client, channel):
        return self.compare("tx.commit", taken(channel, "committed"), TRANSACTION_MESSAGES)


class Consumption(Load):
    """Takes a message, acknowledges it, and has a later message confirmed: what was taken must not return."""

    queues = ("work", "done")

    def work(self) -> None:
        self.published = 0
        channel = self.channel()
        channel.confirm_delivery()
        for number in range(1_000_000_000):
            channel.basic_publish("", "work", b"%d" % number, PERSISTENT)
            self.published = number + 1
            method, _, body = channel.basic_get("work")
            assert int(body) == number, f"{body} was taken where {number} was next"
            channel.basic_ack(method.delivery_tag)
            channel.basic_publish("", "done", body, PERSISTENT)
            self.acknowledged = number + 1

    def check(self, _client, channel):
        left, done = taken(channel, "work"), taken(channel, "done")
        wrong = self.compare("done", done)
        returned = [number for number in left if number < self.acknowledged]
        if returned:
            wrong.append(f"acknowledged before a confirm and back again: {_excerpt(returned)}")
        # The last one may have been taken, and its successor in `done` not yet published.
        lost = sorted(set(range(self.published - 1)) - set(left) - set(done))
        if lost:
            wrong.append(f"confirmed and nowhere: {_excerpt(lost)}")
        return wrong


LOADS = (Pipelines, Transactions, Confirms, Commits, Consumption)


def taken(channel, queue: str) -> list[int]:
    """Takes all messages out of a queue: their numbers."""
    numbers = []
    while True:
        method, _, body = channel.basic_get(queue)
        if method is None:
            return numbers
        numbers.append(int(body.split(b" ")[0]))
        if method.message_count == 0:
            channel.basic_ack(method.delivery_tag, multiple=True)


def _excerpt(numbers: list[int]) -> str:
    return str(numbers) if len(numbers) < 20 else f"{str(numbers[:10])[:-1]} ... {str(numbers[-10:])[1:]}"
