"""Bare frames: the handshake, contents in frames, heartbeats, and what pika has no word for."""

import struct
import time

import pytest

from amqp_client import wire
from amqp_client.wire import BODY, CONTENT_HEADER, Closed


@pytest.mark.parametrize("header", [
    b"HELO\r\n\r\n", b"AMQP\x00\x00\x08\x00", b"AMQP\x01\x01\x00\x0a", b"\0" * 8, b"GET / HTTP/1.1\r\n\r\n",
    b"*1\r\n$4\r\nPING\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
], ids=["greeting", "0-8", "0-10", "zeros", "HTTP", "RESP", "TLS"])
def test_another_protocol_is_told_ours(dial, header):
    """RabbitMQ 4 names AMQP 1.0 to most of these; 3.10 and we name 0-9-1."""
    each = dial()
    each.send(header)
    assert each.read_exactly(8) == wire.HEADER
    each.expect_end()


def test_a_silent_socket_does_no_harm(dial):
    silent = [dial() for _ in range(20)]
    half = dial()
    half.send(b"AMQ")
    dial().open()
    for each in silent:
        each.socket.settimeout(0.01)
        with pytest.raises(TimeoutError):
            each.read_exactly(1)


def test_start(dial):
    start = dial().start()
    assert start.channel == 0
    assert start.arguments[:2] == b"\x00\x09"
    assert start.arguments.endswith(wire.long_string(b"en_US"))
    for word in (b"PLAIN", b"AMQPLAIN", b"capabilities", b"publisher_confirms"):
        assert word in start.arguments


def test_tune(dial):
    each = dial()
    each.start()
    each.log_in()
    assert each.tune() == (2047, 131_072, 60)


def test_bytes_may_trickle_in(dial, name):
    each, queue = dial(), name()
    each.start()
    each.log_in()
    each.tune()
    rest = (
        wire.method(0, wire.OPEN, wire.short_string("/") + b"\0\0")
        + wire.method(1, wire.CHANNEL_OPEN, b"\0")
        + wire.queue_declare(1, queue)
        + wire.whole_message(1, queue, b"body")
        + wire.get(1, queue)
    )
    for octet in rest:
        each.send(bytes([octet]))
    for identity in (wire.OPEN_OK, wire.CHANNEL_OPEN_OK, wire.QUEUE_DECLARE_OK, wire.GET_OK):
        each.expect(identity)
    assert each.read_message()[1] == b"body"


def test_amqplain(dial):
    each = dial()
    each.start()
    guest = wire.long_string(b"guest")
    fields = wire.field("LOGIN", b"S", guest) + wire.field("PASSWORD", b"S", guest)
    answer = wire.table() + wire.short_string("AMQPLAIN") + wire.long_string(fields) + wire.short_string("en_US")
    each.send(wire.method(0, wire.START_OK, answer))
    each.expect(wire.TUNE)


def test_refused_login_is_told_to_a_client_that_understands(dial):
    each = dial()
    each.start()
    each.log_in(password=b"wrong", capabilities=wire.field("authentication_failure_close", b"t", b"\1"))
    code, text, _ = each.expect_close()
    assert code == 403
    assert text.startswith("ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN.")


def test_refused_login_only_ends_the_socket_of_other_clients(dial):
    each = dial()
    each.start()
    each.log_in(password=b"wrong")
    each.expect_end()


def test_unknown_mechanism(dial):
    each = dial()
    each.start()
    each.log_in(mechanism="CRAM-MD5", capabilities=wire.field("authentication_failure_close", b"t", b"\1"))
    with pytest.raises(Closed):
        # RabbitMQ closes without a word at this point; a connection.close before the end is as good.
        each.expect_close(answer=False)
        each.read_exactly(1)


@pytest.mark.warren_only(reason="RabbitMQ 3.10 closes without a word here; 4.x says this")
@pytest.mark.parametrize("tuning, text", [
    ({"frame_max": 4095}, "NOT_ALLOWED - negotiated frame_max = 4095 is lower than the minimum allowed value (4096)"),
    ({"frame_max": 131_073}, "NOT_ALLOWED - negotiated frame_max = 131073 is higher than the maximum allowed value (131072)"),
    ({"channel_max": 2048}, "NOT_ALLOWED - negotiated channel_max = 2048 is higher than the maximum allowed value (2047)"),
], ids=["small frames", "large frames", "many channels"])
def test_tune_ok_outside_of_what_was_offered(dial, tuning, text):
    each = dial()
    each.start()
    each.log_in(capabilities=wire.field("authentication_failure_close", b"t", b"\1"))
    each.tune(**tuning)
    assert each.expect_close()[:2] == (530, text)


def test_channel_over_the_negotiated_number(dial):
    each = dial().open(channel_max=1)
    each.open_channel(1)
    each.send(wire.method(2, wire.CHANNEL_OPEN, b"\0"))
    code, text, _ = each.expect_close()
    assert (code, text) == (530, "NOT_ALLOWED - number of channels opened (1) has reached the negotiated channel_max (1)")


def test_goodbye_of_the_client(talk):
    talk.send(wire.method(0, wire.CLOSE, struct.pack(">H", 200) + wire.short_string("bye") + b"\0\0\0\0"))
    talk.expect(wire.CLOSE_OK)


def test_everything_between_channel_close_and_close_ok_is_ignored(talk, name):
    missing, queue = name(), name()
    talk.send(wire.queue_declare(1, missing, flags=1), wire.queue_declare(1, queue), wire.get(1, queue))
    code, text, cause = talk.expect_channel_close()
    assert (code, text) == (404, f"NOT_FOUND - no queue '{missing}' in vhost '/'")
    assert cause == wire.QUEUE_DECLARE
    talk.open_channel()
    talk.send(wire.queue_declare(1, queue, flags=1))
    assert talk.expect_channel_close()[0] == 404


def test_a_frame_of_exactly_frame_max(dial, name):
    each, queue = dial().open(frame_max=4096), name()
    each.open_channel()
    each.declare(queue)
    body = b"b" * (4096 - 8)
    each.send(wire.whole_message(1, queue, body), wire.get(1, queue))
    each.expect(wire.GET_OK)
    assert each.read_message()[1] == body


def test_frames_to_the_client_respect_its_frame_max(dial, name):
    each, queue = dial().open(frame_max=4096), name()
    each.open_channel()
    each.declare(queue)
    each.send(wire.publish(1, queue), wire.content_header(1, 10_000))
    for _ in range(10):
        each.send(wire.frame(BODY, 1, b"z" * 1000))
    each.send(wire.get(1, queue))
    each.expect(wire.GET_OK)
    assert each.read_frame().kind == CONTENT_HEADER
    sizes = [len(each.read_frame().payload) for _ in range(3)]
    assert sizes == [4088, 4088, 10_000 - 2 * 4088]


def test_an_empty_body_has_no_body_frame(talk, name):
    queue = name()
    talk.declare(queue)
    talk.send(wire.publish(1, queue), wire.content_header(1, 0), wire.get(1, queue), wire.get(1, queue))
    talk.expect(wire.GET_OK)
    assert talk.read_message()[1] == b""
    talk.expect(wire.GET_EMPTY)


def test_contents_of_two_channels_may_interleave(talk, name):
    queue = name()
    talk.open_channel(2)
    talk.declare(queue)
    talk.send(wire.publish(1, queue), wire.publish(2, queue))
    talk.send(wire.content_header(2, 4), wire.content_header(1, 4))
    talk.send(wire.frame(BODY, 1, b"o"), wire.frame(BODY, 2, b"two!"), wire.frame(BODY, 1, b"ne!"))
    talk.send(wire.consume(1, queue))
    talk.expect(wire.CONSUME_OK)
    found = set()
    for _ in range(2):
        talk.expect(wire.DELIVER)
        found.add(talk.read_message()[1])
    assert found == {b"one!", b"two!"}


def test_a_publish_cut_off_by_the_end_of_its_connection_is_forgotten(dial, talk, name):
    queue, broken = name(), dial().open()
    broken.open_channel()
    broken.declare(queue)
    broken.send(wire.publish(1, queue), wire.content_header(1, 100), wire.frame(BODY, 1, b"half"))
    broken.close()
    talk.send(wire.whole_message(1, queue, b"whole"), wire.consume(1, queue))
    talk.expect(wire.CONSUME_OK)
    talk.expect(wire.DELIVER)
    assert talk.read_message()[1] == b"whole"


HEADER_TYPES = {
    "boolean": (b"t", b"\1"),
    "signed 8 bit": (b"b", b"\xff"),
    "signed 16 bit": (b"s", b"\xff\xfe"),
    "unsigned 16 bit": (b"u", b"\xff\xfe"),
    "signed 32 bit": (b"I", b"\xff\xff\xff\xfe"),
    "unsigned 32 bit": (b"i", b"\xff\xff\xff\xfe"),
    "signed 64 bit": (b"l", b"\xff" * 7 + b"\xfe"),
    "float": (b"f", struct.pack(">f", 1.5)),
    "double": (b"d", struct.pack(">d", -2.25)),
    "decimal": (b"D", b"\2" + struct.pack(">I", 314)),
    "string": (b"S", wire.long_string(b"text")),
    "bytes": (b"x", wire.long_string(b"\0\1\2")),
    "array": (b"A", wire.long_string(b"I\0\0\0\1" + b"S" + wire.long_string(b"two") + b"V")),
    "timestamp": (b"T", struct.pack(">Q", 1_700_000_000)),
    "table": (b"F", wire.table(wire.field("k", b"V", b""))),
    "nothing": (b"V", b""),
}


@pytest.mark.parametrize("kind", sorted(HEADER_TYPES))
def test_header_bytes_come_back_as_they_went(talk, name, kind):
    queue, fields = name(), wire.field("key", *HEADER_TYPES[kind])
    talk.declare(queue)
    talk.send(
        wire.publish(1, queue), wire.content_header(1, 1, flags=1 << 13, properties=wire.table(fields)),
        wire.frame(BODY, 1, b"1"), wire.get(1, queue),
    )
    talk.expect(wire.GET_OK)
    header, _ = talk.read_message()
    assert header[12:] == struct.pack(">H", 1 << 13) + wire.table(fields)


def test_a_server_made_consumer_tag(talk, name):
    queue, tags = name(), set()
    talk.declare(queue)
    for _ in range(2):
        talk.send(wire.consume(1, queue))
        tags.add(wire.read_short_string(talk.expect(wire.CONSUME_OK).arguments, 0)[0])
    assert len(tags) == 2 and all(tag.startswith("amq.ctag-") for tag in tags)


def test_no_local_is_ignored(talk, name):
    queue = name()
    talk.declare(queue)
    talk.send(wire.consume(1, queue, no_local=True))
    talk.expect(wire.CONSUME_OK)
    talk.send(wire.whole_message(1, queue, b"mine"))
    talk.expect(wire.DELIVER)
    assert talk.read_message()[1] == b"mine"


def test_cancel_of_no_consumer_is_no_error(talk):
    talk.send(wire.method(1, wire.CANCEL, wire.short_string("nobody") + b"\0"))
    assert talk.expect(wire.CANCEL_OK).arguments == wire.short_string("nobody")


def test_nowait_is_not_answered(talk, name):
    queue = name()
    talk.send(wire.queue_declare(1, queue, flags=16), wire.queue_declare(1, queue, flags=1))
    talk.expect(wire.QUEUE_DECLARE_OK)
    talk.send(wire.method(1, wire.CONFIRM_SELECT, b"\1"), wire.get(1, queue))
    talk.expect(wire.GET_EMPTY)


def test_heartbeats_of_the_server(dial):
    each = dial().open(heartbeat=1)
    each.socket.settimeout(3)
    for _ in range(2):
        assert each.read_exactly(8) == wire.frame(8, 0, b"")
        each.send(wire.frame(8, 0, b""))


def test_a_half_open_connection_is_closed(dial):
    """Two missed heartbeats and the socket ends; what the server may say before is its own affair."""
    each = dial().open(heartbeat=1)
    each.socket.settimeout(10)
    begun = time.monotonic()
    with pytest.raises((Closed, ConnectionResetError)):
        while True:
            each.read_frame()
    assert 1.0 <= time.monotonic() - begun < 8


def test_any_frame_counts_as_a_heartbeat(dial):
    each = dial().open(heartbeat=1)
    each.open_channel()
    for _ in range(8):
        time.sleep(0.5)
        each.declare("", flags=4)


def test_no_heartbeat_no_end(dial):
    each = dial().open(heartbeat=0)
    each.open_channel()
    each.socket.settimeout(2.5)
    with pytest.raises(TimeoutError):
        each.read_frame()
    each.socket.settimeout(5)
    each.declare("", flags=4)
