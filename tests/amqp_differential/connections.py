"""Logging in, agreeing on limits, and what ends a connection."""

import struct

from amqp_client.wire import (
    BODY, CLOSE, HEADER, METHOD, START, START_OK, TUNE, TUNE_OK, OPEN, Closed, content_header, field, frame, long_string,
    method, publish, short_string, table,
)


def _closing(wire):
    """What the server says at the end: its close, or that it just went."""
    try:
        found = wire.read_frame()
    except Closed as closed:
        return f"socket closed after {closed.args[0]!r}"
    except TimeoutError:
        return "nothing at all"
    if found.kind == METHOD and found.method == CLOSE:
        return "connection.close %s %s %s" % wire._closing(found)
    return f"frame {found.kind} on {found.channel}: {found.method if found.kind == METHOD else found.payload[:60]!r}"


def capabilities(see):
    properties = see.connection._impl.server_properties
    see.note("capabilities", properties["capabilities"])
    see.note("kinds of property", {key: type(value).__name__ for key, value in properties.items()})


def mechanisms(see):
    wire = see.wire(opened=False)
    start = wire.start()
    raw = start.arguments
    see.note("version", [raw[0], raw[1]])
    size = struct.unpack(">I", raw[2:6])[0]
    rest = raw[6 + size :]
    see.note("mechanisms and locales", rest)


def tuning(see):
    wire = see.wire(opened=False)
    wire.start()
    wire.log_in()
    see.note("offered", wire.tune())


def negotiation(see):
    for label, channel_max, frame_max, heartbeat in [
        ("channel_max 0", 0, 131072, 60),
        ("channel_max above", 3000, 131072, 60),
        ("channel_max 1", 1, 131072, 60),
        ("frame_max 0", 2047, 0, 60),
        ("frame_max below", 2047, 4095, 60),
        ("frame_max 4096", 2047, 4096, 60),
        ("frame_max above", 2047, 131073, 60),
        ("heartbeat 0", 2047, 131072, 0),
        ("heartbeat large", 2047, 131072, 60000),
    ]:
        wire = see.wire(opened=False)
        wire.start()
        wire.log_in()
        wire.expect(TUNE)
        wire.send(method(0, TUNE_OK, struct.pack(">HIH", channel_max, frame_max, heartbeat)))
        wire.send(method(0, OPEN, short_string("/") + short_string("") + b"\0"))
        see.note(label, _closing(wire))


def _start_ok(wire, mechanism, response, capabilities=b""):
    properties = table(field("capabilities", b"F", table(capabilities)))
    wire.send(method(0, START_OK, properties + short_string(mechanism) + long_string(response) + short_string("en_US")))


def bad_credentials(see):
    told = field("authentication_failure_close", b"t", b"\1")
    amqplain = field("LOGIN", b"S", long_string(b"guest")) + field("PASSWORD", b"S", long_string(b"guest"))
    wrong = field("LOGIN", b"S", long_string(b"guest")) + field("PASSWORD", b"S", long_string(b"wrong"))
    for label, mechanism, response, capabilities in [
        ("plain wrong, told", "PLAIN", b"\0guest\0wrong", told),
        ("plain wrong, untold", "PLAIN", b"\0guest\0wrong", b""),
        ("plain unknown user", "PLAIN", b"\0nobody\0wrong", told),
        ("plain empty password", "PLAIN", b"\0guest\0", told),
        ("plain right", "PLAIN", b"\0guest\0guest", told),
        ("plain with authorization id", "PLAIN", b"guest\0guest\0guest", told),
        ("plain without nul", "PLAIN", b"guest", told),
        ("plain with one nul", "PLAIN", b"guest\0guest", told),
        ("plain with three nul", "PLAIN", b"\0guest\0guest\0", told),
        ("amqplain right", "AMQPLAIN", amqplain, told),
        ("amqplain wrong", "AMQPLAIN", wrong, told),
        ("amqplain without password", "AMQPLAIN", field("LOGIN", b"S", long_string(b"guest")), told),
        ("amqplain empty", "AMQPLAIN", b"", told),
        ("unknown mechanism", "GSSAPI", b"", told),
        ("unknown mechanism, untold", "GSSAPI", b"", b""),
        ("anonymous", "ANONYMOUS", b"", told),
        ("cramped mechanism", "plain", b"\0guest\0guest", told),
    ]:
        wire = see.wire(opened=False)
        wire.start()
        _start_ok(wire, mechanism, response, capabilities)
        see.note(label, _closing(wire))


def virtual_hosts(see):
    for label, vhost in [("root", "/"), ("unknown", "nowhere"), ("empty", "")]:
        wire = see.wire(opened=False)
        wire.start()
        wire.log_in()
        wire.tune()
        wire.send(method(0, OPEN, short_string(vhost) + short_string("") + b"\0"))
        see.note(label, _closing(wire))


def protocol_headers(see):
    for label, header in [
        ("0-9-1", HEADER),
        ("0-9-0", b"AMQP\0\0\x09\0"),
        ("0-9 old", b"AMQP\1\1\0\x09"),
        ("0-8", b"AMQP\1\1\x08\0"),
        ("1.0", b"AMQP\0\1\0\0"),
        ("sasl 1.0", b"AMQP\3\1\0\0"),
        ("http", b"GET / HTTP/1.1\r\n\r\n"),
        ("short", b"AMQQ\0\0\x09\1"),
    ]:
        wire = see.wire(opened=False)
        wire.send(header)
        try:
            see.note(label, wire.read_exactly(8)[:4] if header in (HEADER, b"AMQP\0\0\x09\0", b"AMQP\1\1\0\x09", b"AMQP\1\1\x08\0") else wire.read_exactly(8))
        except Closed as closed:
            see.note(label, f"closed {closed.args}")


def methods_out_of_order(see):
    wire = see.wire(opened=False)
    wire.send(HEADER)
    wire.expect(START)
    wire.send(method(0, OPEN, short_string("/") + short_string("") + b"\0"))
    see.note("open before start-ok", _closing(wire))
    wire = see.wire(opened=False)
    wire.start()
    wire.log_in()
    wire.expect(TUNE)
    wire.send(method(0, OPEN, short_string("/") + short_string("") + b"\0"))
    see.note("open before tune-ok", _closing(wire))
    wire = see.wire()
    wire.send(method(0, START_OK, table() + short_string("PLAIN") + long_string(b"\0guest\0guest") + short_string("en_US")))
    see.note("start-ok when open", _closing(wire))
    wire = see.wire()
    wire.send(method(0, (50, 10), b"\0\0" + short_string("q") + b"\0" + table()))
    see.note("queue.declare on channel 0", _closing(wire))
    wire = see.wire()
    wire.send(method(1, (10, 40), short_string("/") + short_string("") + b"\0"))
    see.note("connection.open on channel 1", _closing(wire))
    wire = see.wire()
    wire.send(method(0, (10, 50), struct.pack(">H", 200) + short_string("bye") + struct.pack(">HH", 0, 0)))
    see.note("close", _closing(wire))
    see.note("after it", _closing(wire))


def frame_errors(see):
    def closes(label, *pieces, channel=True, **tuning):
        wire = see.wire(channel=channel, **tuning)
        wire.send(*pieces)
        see.note(label, _closing(wire))

    closes("bad end octet", b"\1\0\1\0\0\0\4\0\x14\0\x0a\0")
    closes("unknown frame type", frame(7, 1, b"x"))
    closes("frame type 0", frame(0, 1, b"x"))
    closes("unknown class", method(1, (99, 10)))
    closes("unknown method", method(1, (60, 99)))
    closes("method on channel 0 of unknown class", method(0, (99, 10)))
    closes("truncated method", method(1, (50, 10), b"\0\0\x05ab"))
    closes("empty method frame", frame(METHOD, 1, b""))
    closes("one byte method frame", frame(METHOD, 1, b"\0"))
    closes("body without method", frame(BODY, 1, b"x"))
    closes("header without method", content_header(1, 1))
    closes("body instead of header", publish(1, "q"), frame(BODY, 1, b"x"))
    closes("method instead of header", publish(1, "q"), method(1, (60, 10), b"\0\0\0\0\0\1\0"))
    closes("method instead of body", publish(1, "q"), content_header(1, 5), method(1, (60, 10), b"\0\0\0\0\0\1\0"))
    closes("header of another class", publish(1, "q"), content_header(1, 5, class_id=50))
    closes("more body than said", publish(1, "q"), content_header(1, 1), frame(BODY, 1, b"xx"))
    closes("content on closed channel", publish(5, "q"), content_header(5, 1), frame(BODY, 5, b"x"))
    closes("heartbeat on channel 1", frame(8, 1, b""), method(1, (10, 40), b"\0\0\0"))
    closes("heartbeat with payload", frame(8, 0, b"x"), method(1, (10, 40), b"\0\0\0"))
    closes("frame too large", b"\1\0\1\0\1\0\0" + b"x" * 65536 + b"\xce", frame_max=8192)
    closes("method on unopened channel", method(9, (60, 10), b"\0\0\0\0\0\1\0"), channel=False)
    closes("frame on channel above the limit", method(2000, (20, 10), short_string("")), channel_max=10)
    closes("trailing bytes in method", method(1, (60, 10), b"\0\0\0\0\0\1\0xyz"))


def update_secret(see):
    for label, secret in [("the password", b"guest"), ("another", b"other")]:
        wire = see.wire()
        wire.send(method(0, (10, 70), long_string(secret) + short_string("because")))
        see.note(label, _closing(wire))


def closed_by_client_answers(see):
    wire = see.wire()
    wire.send(method(1, (20, 40), struct.pack(">H", 200) + short_string("bye") + struct.pack(">HH", 0, 0)))
    see.note("channel.close", _closing(wire))
    wire.send(method(1, (20, 10), short_string("")))
    see.note("channel.open again", _closing(wire))
    wire.send(method(1, (20, 10), short_string("")))
    see.note("second open", _closing(wire))
