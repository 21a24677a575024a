"""AMQP 0-9-1 as bare frames over a socket, for what no well-behaved client would send.

A second, independent reading of the specification: it shares no code with pika and none with the
server, and it keeps to the few methods the tests need. It never hides a malformed answer: every
frame is checked for its end octet.

    frame:   type(1) channel(2) size(4) payload(size) 0xCE
    method:  class(2) method(2) arguments
    header:  class(2) weight(2) = 0  body size(8)  property flags(2)  properties
"""

import socket
import struct
from typing import NamedTuple

HEADER = b"AMQP\x00\x00\x09\x01"
METHOD, CONTENT_HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
FRAME_END = b"\xce"

START, START_OK = (10, 10), (10, 11)
TUNE, TUNE_OK = (10, 30), (10, 31)
OPEN, OPEN_OK = (10, 40), (10, 41)
CLOSE, CLOSE_OK = (10, 50), (10, 51)
CHANNEL_OPEN, CHANNEL_OPEN_OK = (20, 10), (20, 11)
CHANNEL_CLOSE, CHANNEL_CLOSE_OK = (20, 40), (20, 41)
QUEUE_DECLARE, QUEUE_DECLARE_OK = (50, 10), (50, 11)
CONSUME, CONSUME_OK = (60, 20), (60, 21)
CANCEL, CANCEL_OK = (60, 30), (60, 31)
PUBLISH, DELIVER = (60, 40), (60, 60)
GET, GET_OK, GET_EMPTY = (60, 70), (60, 71), (60, 72)
CONFIRM_SELECT, CONFIRM_SELECT_OK = (85, 10), (85, 11)


class Closed(Exception):
    """The server closed the socket."""


class Frame(NamedTuple):
    kind: int
    channel: int
    payload: bytes

    @property
    def method(self):
        assert self.kind == METHOD, self
        return struct.unpack(">HH", self.payload[:4])

    @property
    def arguments(self):
        return self.payload[4:]


def frame(kind, channel, payload):
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + FRAME_END


def method(channel, identity, arguments=b""):
    return frame(METHOD, channel, struct.pack(">HH", *identity) + arguments)


def content_header(channel, body_size, class_id=60, weight=0, flags=0, properties=b""):
    return frame(CONTENT_HEADER, channel, struct.pack(">HHQH", class_id, weight, body_size, flags) + properties)


def short_string(text):
    raw = text.encode() if isinstance(text, str) else text
    return bytes([len(raw)]) + raw


def long_string(raw):
    return struct.pack(">I", len(raw)) + raw


def table(fields=b""):
    """A field table of already encoded fields."""
    return long_string(fields)


def field(name, kind, value):
    return short_string(name) + kind + value


def queue_declare(channel, name, flags=0, arguments=b""):
    return method(channel, QUEUE_DECLARE, b"\0\0" + short_string(name) + bytes([flags]) + table(arguments))


def publish(channel, queue, flags=0):
    """The method alone; header and body are up to the caller."""
    return method(channel, PUBLISH, b"\0\0" + short_string("") + short_string(queue) + bytes([flags]))


def whole_message(channel, queue, body):
    return publish(channel, queue) + content_header(channel, len(body)) + frame(BODY, channel, body)


def consume(channel, queue, tag="", no_local=False, no_ack=True):
    flags = no_local | no_ack << 1
    return method(channel, CONSUME, b"\0\0" + short_string(queue) + short_string(tag) + bytes([flags]) + table())


def get(channel, queue, no_ack=True):
    return method(channel, GET, b"\0\0" + short_string(queue) + bytes([no_ack]))


def read_short_string(raw, at):
    end = at + 1 + raw[at]
    return raw[at + 1 : end].decode(), end


class Wire:
    """One socket. Reads frames one by one; `expect` insists on what comes next."""

    def __init__(self, port, timeout=10.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def close(self):
        self.socket.close()

    def send(self, *pieces):
        self.socket.sendall(b"".join(pieces))

    def read_exactly(self, count):
        while len(self.buffer) < count:
            try:
                received = self.socket.recv(65536)
            except ConnectionResetError:
                received = b""
            if not received:
                raise Closed(self.buffer)
            self.buffer += received
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def read_frame(self):
        """The next frame that is no heartbeat."""
        while True:
            kind, channel, size = struct.unpack(">BHI", self.read_exactly(7))
            payload = self.read_exactly(size)
            assert self.read_exactly(1) == FRAME_END
            if kind != HEARTBEAT:
                return Frame(kind, channel, payload)

    def expect(self, identity):
        found = self.read_frame()
        assert found.kind == METHOD and found.method == identity, f"{identity} expected, got {found}"
        return found

    def read_message(self):
        """Header payload and body of the content that follows a method."""
        header = self.read_frame()
        assert header.kind == CONTENT_HEADER, header
        (size,) = struct.unpack(">Q", header.payload[4:12])
        body = b""
        while len(body) < size:
            piece = self.read_frame()
            assert piece.kind == BODY, piece
            body += piece.payload
        return header.payload, body

    def start(self):
        self.send(HEADER)
        return self.expect(START)

    def log_in(self, user=b"guest", password=b"guest", mechanism="PLAIN", capabilities=b""):
        properties = table(field("capabilities", b"F", table(capabilities)))
        response = long_string(b"\0" + user + b"\0" + password)
        self.send(method(0, START_OK, properties + short_string(mechanism) + response + short_string("en_US")))

    def tune(self, channel_max=0, frame_max=131_072, heartbeat=0):
        offered = self.expect(TUNE)
        self.send(method(0, TUNE_OK, struct.pack(">HIH", channel_max or 2047, frame_max, heartbeat)))
        return struct.unpack(">HIH", offered.arguments)

    def open(self, vhost="/", **tuning):
        """Everything up to connection.open-ok."""
        self.start()
        self.log_in()
        self.tune(**tuning)
        self.send(method(0, OPEN, short_string(vhost) + short_string("") + b"\0"))
        self.expect(OPEN_OK)
        return self

    def open_channel(self, number=1):
        self.send(method(number, CHANNEL_OPEN, short_string("")))
        self.expect(CHANNEL_OPEN_OK)

    def declare(self, queue, channel=1, flags=0):
        self.send(queue_declare(channel, queue, flags))
        return self.expect(QUEUE_DECLARE_OK)

    def expect_close(self, answer=True):
        """connection.close: its code, text, class and method. The socket must close after our answer."""
        code, text, cause = self._closing(self.expect(CLOSE))
        if answer:
            self.send(method(0, CLOSE_OK))
            self.expect_end()
        return code, text, cause

    def expect_channel_close(self, channel=1):
        found = self.expect(CHANNEL_CLOSE)
        assert found.channel == channel
        self.send(method(channel, CHANNEL_CLOSE_OK))
        return self._closing(found)

    def expect_end(self):
        """The server closes the socket, and says nothing more before."""
        try:
            found = self.read_frame()
        except Closed as closed:
            assert closed.args[0] == b"", closed
            return
        raise AssertionError(f"end expected, got {found}")

    @staticmethod
    def _closing(found):
        raw = found.arguments
        (code,) = struct.unpack(">H", raw[:2])
        text, end = read_short_string(raw, 2)
        return code, text, struct.unpack(">HH", raw[end : end + 4])
