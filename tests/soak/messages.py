"""The loads of AMQP. A publisher numbers its messages; a consumer says which number comes next in its queue."""

import random

import pika

from soak.load import Load

PERSISTENT, TRANSIENT = (pika.BasicProperties(delivery_mode=mode) for mode in (2, 1))
TICK_SECONDS = 0.05
IN_FLIGHT_MAX = 300
PREFETCH = 50
ACK_EVERY = 10
# A consumer goes and comes back after so many messages.
STAY_MESSAGES = 2000
LIFE_MILLISECONDS = 2000
# Several times the server's body memory.
SWELL_MESSAGES = 3500
SWELL_BYTES = (6000, 12_000)


def body(number: int, size: int) -> bytes:
    """Its number, its size, and a filling that follows from both."""
    head = b"%d %d " % (number, size)
    return head + (head * (size // len(head) + 1))[:size]


def number_of(received: bytes) -> int:
    """The number of a message whose body is whole."""
    number, size = (int(word) for word in received.split(b" ", 2)[:2])
    assert received == body(number, size), f"message {number} has another body: {received[:60]}"
    return number


class Publisher(Load):
    """Many confirms in flight, at a steady rate; it ends when all are confirmed. `count` is what was confirmed."""

    def __init__(self, server, exchange: str, key: str, per_second: float, sizes=(0, 3000), properties=PERSISTENT):
        super().__init__(server, f"publisher of {exchange or key}")
        self.exchange, self.key, self.per_second, self.sizes = exchange, key, per_second, sizes
        self.properties = properties
        self.chance = random.Random(key)
        self.sent, self.due = 0, 0.0

    def work(self) -> None:
        connection = pika.SelectConnection(
            self.parameters(),
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._opened),
            on_close_callback=self._closed,
            on_open_error_callback=self._closed,
        )
        self.connection = connection
        connection.ioloop.start()

    def _closed(self, connection, reason) -> None:
        self.expect(self.stopping.is_set() and self.sent == self.count, f"closed at {self.count} by {reason!r}")
        connection.ioloop.stop()

    def _opened(self, channel) -> None:
        self.publishing = channel
        channel.add_on_close_callback(lambda _channel, reason: self._channel_closed(reason))
        channel.confirm_delivery(self._confirmed, callback=lambda _frame: self._tick())

    def _channel_closed(self, reason) -> None:
        if not self.stopping.is_set():
            self.expect(False, f"its channel closed at {self.count} by {reason!r}")

    def _confirmed(self, frame) -> None:
        tag = frame.method.delivery_tag
        self.expect(isinstance(frame.method, pika.spec.Basic.Ack), f"message {tag - 1} is refused: {frame}")
        self.expect(frame.method.multiple or tag == self.count + 1, f"confirm {tag} comes behind {self.count}")
        self.count = tag

    def _tick(self) -> None:
        if self.stopping.is_set() and self.sent == self.count:
            self.connection.close()
            return
        self.connection.ioloop.call_later(TICK_SECONDS, self._tick)
        if self.stopping.is_set() or not self.publishing.is_open:
            return
        # What is behind by more than a second is given up.
        self.due = min(self.due + TICK_SECONDS * self.per_second, self.sent + self.per_second)
        while self.sent < self.due and self.sent - self.count < IN_FLIGHT_MAX:
            content = body(self.sent, self.chance.randint(*self.sizes))
            self.publishing.basic_publish(self.exchange, self.key, content, self.properties)
            self.sent += 1


class Consumer(Load):
    """Takes every `step`th number in order. `count` is what it has settled; it goes and comes back at times."""

    def __init__(self, server, queue: str, step: int = 1, rejects: int = 0):
        super().__init__(server, f"consumer of {queue}")
        self.queue, self.step, self.rejects = queue, step, rejects

    def work(self) -> None:
        while not self.stopping.is_set():
            channel = self.channel()
            channel.basic_qos(prefetch_count=PREFETCH)
            self.stay(channel)
            channel.connection.close()

    def stay(self, channel) -> None:
        """What was delivered and not settled goes back to the queue when the channel closes."""
        taken, unsettled, tag = 0, 0, 0
        for method, _, content in channel.consume(self.queue, inactivity_timeout=0.2):
            if self.stopping.is_set() or taken >= STAY_MESSAGES:
                break
            if method is not None:
                number = number_of(content)
                next_number = (self.count + unsettled) * self.step
                self.expect(number == next_number, f"{number} was delivered where {next_number} was next")
                taken, unsettled, tag = taken + 1, unsettled + 1, method.delivery_tag
                if self.rejects and number % self.rejects == 0:
                    unsettled -= 1
                    self._acknowledge(channel, tag - 1, unsettled)
                    channel.basic_reject(tag, requeue=False)
                    self.count, unsettled = self.count + unsettled + 1, 0
            if unsettled >= ACK_EVERY or method is None:
                self._acknowledge(channel, tag, unsettled)
                self.count, unsettled = self.count + unsettled, 0
        self._acknowledge(channel, tag, unsettled)
        self.count += unsettled

    @staticmethod
    def _acknowledge(channel, tag: int, unsettled: int) -> None:
        if unsettled:
            channel.basic_ack(tag, multiple=True)


class LateConsumer(Consumer):
    """Lets its queue grow past the body memory, and then drains it."""

    looks = 0

    def progress(self) -> int:
        return self.count + self.looks

    def work(self) -> None:
        while not self.stopping.is_set():
            channel = self.channel()
            while not self.stopping.is_set() and self.depth(channel) < SWELL_MESSAGES:
                channel.connection.sleep(0.5)
            channel.basic_qos(prefetch_count=PREFETCH)
            while not self.stopping.is_set() and self.depth(channel) > 0:
                self.drain(channel)
            channel.connection.close()

    def drain(self, channel) -> None:
        """All that lies there now; the queue fills meanwhile."""
        end = self.count + self.depth(channel)
        for method, _, content in channel.consume(self.queue, inactivity_timeout=20):
            if method is None:
                self.expect(False, f"nothing came for 20 s behind {self.count}")
                break
            number = number_of(content)
            self.expect(number == self.count, f"{number} was delivered where {self.count} was next")
            channel.basic_ack(method.delivery_tag)
            self.count += 1
            if self.count >= end or self.stopping.is_set():
                break
        channel.cancel()

    def depth(self, channel) -> int:
        self.looks += 1
        return channel.queue_declare(self.queue, passive=True).method.message_count


class Flows:
    """The queues, who fills and who empties them."""

    def __init__(self, server, bridge):
        self.bridge = bridge
        self.plain = Publisher(server, "", "plain", 100)
        self.swollen = Publisher(server, "", "swollen", 180, SWELL_BYTES)
        self.transient = Publisher(server, "", "transient", 180, SWELL_BYTES, TRANSIENT)
        self.expired = Publisher(server, "", "expired", 40)
        self.judged = Publisher(server, "", "judged", 40)
        self.events = Publisher(server, "events", "a.b.c", 30)
        self.publishers = [self.plain, self.swollen, self.transient, self.expired, self.judged, self.events]
        self.judging = Consumer(server, "judged", rejects=3)
        self.late = [LateConsumer(server, queue) for queue in ("swollen", "transient")]
        self.consumers = [
            Consumer(server, "plain"),
            *self.late,
            Consumer(server, "expired.dead"),
            self.judging,
            Consumer(server, "judged.dead", step=3),
            Consumer(server, "events.first"),
            Consumer(server, "events.second"),
            Consumer(server, "bridged"),
        ]

    @staticmethod
    def declare(channel) -> None:
        channel.exchange_declare("dead", "direct", durable=True)
        channel.exchange_declare("events", "topic", durable=True)
        for queue in ("plain", "swollen", "transient", "bridged", "expired.dead", "judged.dead", "events.first", "events.second"):
            channel.queue_declare(queue, durable=True)
        for queue, more in (("expired", {"x-message-ttl": LIFE_MILLISECONDS}), ("judged", {})):
            channel.queue_declare(queue, durable=True, arguments={"x-dead-letter-exchange": "dead", **more})
            channel.queue_bind(f"{queue}.dead", "dead", queue)
        channel.queue_bind("events.first", "events", "a.#")
        channel.queue_bind("events.second", "events", "*.b.*")

    def arrived(self, queue: str) -> int:
        """How many messages have come into a queue in all, by what was confirmed."""
        sources = {
            "plain": self.plain.count,
            "swollen": self.swollen.count,
            "transient": self.transient.count,
            "expired.dead": self.expired.count,
            "judged": self.judged.count,
            "judged.dead": (self.judging.count + 2) // 3,
            "events.first": self.events.count,
            "events.second": self.events.count,
            "bridged": self.bridge.count,
        }
        return sources[queue]

    def backlog(self) -> int:
        """What waits in the swollen queues."""
        return sum(self.arrived(consumer.queue) - consumer.count for consumer in self.late)

    def check(self, channel, is_restarted: bool) -> tuple[list[str], int]:
        """What is missing, twice or out of order, and how many messages still wait. Behind a restart they are taken."""
        wrong, waiting = [], 0
        for consumer in self.consumers:
            arrived, settled = self.arrived(consumer.queue), consumer.count
            if is_restarted and consumer.queue == "transient":
                arrived = settled
            left = [number // consumer.step for number in numbers_in(channel, consumer.queue, is_restarted)]
            waiting += len(left)
            if left != list(range(settled, arrived)):
                places = f"{left[:5]} ... {left[-5:]}" if left else "nothing"
                missing, strange = set(range(settled, arrived)) - set(left), set(left) - set(range(settled, arrived))
                wrong.append(
                    f"{consumer.queue}: {arrived} confirmed, {settled} settled, {len(left)} there: {places}; "
                    f"missing {sorted(missing)[:10]}, not expected {sorted(strange)[:10]}, "
                    f"twice {len(left) - len(set(left))}"
                )
        left = numbers_in(channel, "expired", is_restarted)
        return wrong + ([f"expired: {len(left)} are there after their time"] if left else []), waiting


def numbers_in(channel, queue: str, is_taken: bool) -> list[int]:
    """The numbers of what is in a queue; unless it is taken it goes back there."""
    numbers = []
    reading = channel.connection.channel()
    count = reading.queue_declare(queue, passive=True).method.message_count
    for method, _, content in reading.consume(queue, inactivity_timeout=20) if count else ():
        if method is None:
            break
        numbers.append(number_of(content))
        if len(numbers) == count:
            if is_taken:
                reading.basic_ack(method.delivery_tag, multiple=True)
            break
    reading.close()
    return numbers
