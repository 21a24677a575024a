"""Malformed frames are answered with connection.close and the end of the socket, and hurt nobody else.

The code is one of 501, 502, 503, 504 or 505. Where RabbitMQ's text names Erlang terms, only the code
is compared; where two readings of the specification are sound, either code will do.
"""

import os
import socket
import struct
import time

import pytest

from amqp_client import wire
from amqp_client.wire import BODY, CONTENT_HEADER, METHOD, Closed, Wire

NAMES = {
    501: "FRAME_ERROR",
    502: "SYNTAX_ERROR",
    503: "COMMAND_INVALID",
    504: "CHANNEL_ERROR",
    505: "UNEXPECTED_FRAME",
    540: "NOT_IMPLEMENTED",
}

OVERSIZED = 131_072 - 8 + 9
MALFORMED = [
    ("no frame end", {501}, struct.pack(">BHI", METHOD, 1, 4) + b"\0\x14\0\x0a" + b"\x00"),
    ("unknown frame type", {501}, wire.frame(77, 1, b"body")),
    ("unknown frame type on channel 0", {501}, wire.frame(77, 0, b"body")),
    ("frame over frame_max", {501}, struct.pack(">BHI", BODY, 1, OVERSIZED)),
    ("frame of 4 GiB", {501}, struct.pack(">BHI", METHOD, 1, 2**32 - 1)),
    ("empty method", {501}, wire.frame(METHOD, 1, b"")),
    ("half a method", {501}, wire.frame(METHOD, 1, b"\0\x14\0")),
    ("unknown class", {501, 503, 540}, wire.method(1, (99, 10))),
    ("unknown method", {501, 503, 540}, wire.method(1, (60, 200))),
    ("method without its arguments", {501, 502}, wire.method(1, wire.QUEUE_DECLARE)),
    ("string longer than the frame", {501, 502}, wire.method(1, wire.QUEUE_DECLARE, b"\0\0\xffshort")),
    ("table longer than the frame", {501, 502},
     wire.method(1, wire.QUEUE_DECLARE, b"\0\0" + wire.short_string("q") + b"\0" + struct.pack(">I", 10_000) + b"x")),
    ("unknown type in a table", {501, 502}, wire.queue_declare(1, "q", arguments=wire.field("k", b"?", b""))),
    ("table inside a table too long", {501, 502},
     wire.queue_declare(1, "q", arguments=wire.field("k", b"F", struct.pack(">I", 9999)))),
    ("array too long", {501, 502}, wire.queue_declare(1, "q", arguments=wire.field("k", b"A", struct.pack(">I", 9999)))),
    ("body before its header", {505}, wire.publish(1, "q") + wire.frame(BODY, 1, b"body")),
    ("method instead of a header", {505}, wire.publish(1, "q") + wire.get(1, "q")),
    ("header without a method", {505}, wire.content_header(1, 4)),
    ("body without a method", {505}, wire.frame(BODY, 1, b"body")),
    ("method instead of a body", {505}, wire.publish(1, "q") + wire.content_header(1, 4) + wire.get(1, "q")),
    ("header twice", {505}, wire.publish(1, "q") + wire.content_header(1, 4) * 2),
    ("header of another class", {505}, wire.publish(1, "q") + wire.content_header(1, 4, class_id=50)),
    ("body longer than announced", {501, 502, 505},
     wire.publish(1, "q") + wire.content_header(1, 2) + wire.frame(BODY, 1, b"body")),
    ("short header", {501, 502}, wire.publish(1, "q") + wire.frame(CONTENT_HEADER, 1, b"\0\x3c\0\0")),
    ("heartbeat on a channel", {501, 503, 505}, wire.frame(8, 1, b"")),
    ("method on a channel that is not open", {504}, wire.queue_declare(7, "q")),
    ("content on a channel that is not open", {504, 505}, wire.content_header(7, 4)),
    ("channel opened twice", {504}, wire.method(1, wire.CHANNEL_OPEN, b"\0")),
    ("channel method on channel 0", {501, 503, 504, 505}, wire.queue_declare(0, "q")),
    ("content on channel 0", {501, 505}, wire.content_header(0, 4)),
    ("connection method on a channel", {503, 504, 505}, wire.method(1, wire.OPEN, wire.short_string("/") + b"\0\0")),
    ("server's method from a client", {503, 504}, wire.method(1, wire.QUEUE_DECLARE_OK, b"\1q" + b"\0" * 8)),
    ("login a second time", {503, 504}, wire.method(0, wire.OPEN, wire.short_string("/") + b"\0\0")),
]


SILENT_IN_RABBITMQ = {
    "unknown type in a table",
    "table inside a table too long",
    "unknown class",
    "array too long",
    "body longer than announced",
}
"""RabbitMQ 3.10 crashes on these and closes without a word, or goes on waiting; the specification wants an answer."""


def rows_with_marks():
    for name, codes, sent in MALFORMED:
        marks = [pytest.mark.warren_only] if name in SILENT_IN_RABBITMQ else []
        yield pytest.param(codes, sent, id=name, marks=marks)


@pytest.mark.parametrize("codes, sent", list(rows_with_marks()))
def test_malformed(dial, talk, codes, sent):
    talk.send(sent)
    code, text, _ = talk.expect_close(answer=False)
    assert code in codes, text
    assert text.startswith(f"{NAMES[code]} - "), text
    try:
        talk.send(wire.method(0, wire.CLOSE_OK))
        talk.expect_end()
    except (BrokenPipeError, ConnectionResetError):
        pass  # the server is free to close first
    dial().open()


@pytest.mark.parametrize("sent", [
    wire.method(1, wire.CHANNEL_OPEN, b"\0"), wire.frame(77, 0, b"x"), wire.method(0, wire.OPEN, b"\1/\0\0"),
    os.urandom(64), b"\xff" * 64, struct.pack(">BHI", METHOD, 0, 2**31),
], ids=["channel.open", "unknown frame", "connection.open", "random", "ones", "2 GiB frame"])
def test_malformed_before_the_login(dial, sent):
    """There is no one to trust yet: the socket ends, with or without a connection.close before."""
    each = dial(timeout=20)
    each.start()
    each.send(sent)
    with pytest.raises((Closed, ConnectionResetError)):
        while True:
            each.read_exactly(1)


def test_random_bytes_never_hurt_others(dial):
    witness = dial().open()
    witness.open_channel()
    for _ in range(30):
        each = dial()
        each.open()
        try:
            each.send(os.urandom(200))
        except (BrokenPipeError, ConnectionResetError):
            pass
        each.close()
    witness.declare("", flags=4)


def test_a_thousand_broken_connections_leave_no_memory_behind(new_server):
    server = new_server()

    def break_off(times):
        for number in range(times):
            each = Wire(server.amqp_port)
            if number % 3:
                each.open()
                each.open_channel()
                each.send(wire.publish(1, "q"), wire.content_header(1, 2**40), wire.frame(BODY, 1, b"x" * 50_000))
            else:
                each.send(b"AMQP\0\0\x09\x01" + os.urandom(100))
            each.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            each.close()

    break_off(200)
    before = server.rss_bytes()
    break_off(800)
    time.sleep(0.5)
    assert server.rss_bytes() - before < 20_000_000
