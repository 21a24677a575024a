"""Channels: opening, closing, flow, transactions and confirms as modes."""

import struct

from amqp_client.wire import METHOD, Closed, get, method, queue_declare, short_string, table


def _answer(wire):
    try:
        found = wire.read_frame()
    except Closed:
        return "closed"
    if found.kind != METHOD:
        return f"frame {found.kind}"
    if found.method in ((20, 40), (10, 50)):
        return "%s %s %s %s" % (found.method, *wire._closing(found))
    return f"{found.method} {found.arguments!r}"


def numbers(see):
    wire = see.wire(channel=False, channel_max=2)
    wire.open_channel(1)
    wire.open_channel(2)
    wire.send(method(3, (20, 10), short_string("")))
    see.note("third of two", _answer(wire))
    wire = see.wire(channel=False, channel_max=2)
    wire.send(method(3, (20, 10), short_string("")))
    see.note("number 3 of two", _answer(wire))
    wire = see.wire(channel=False)
    wire.send(method(2048, (20, 10), short_string("")))
    see.note("number 2048 of 2047", _answer(wire))


def flow(see):
    wire = see.wire()
    wire.send(method(1, (20, 20), b"\1"))
    see.note("active", _answer(wire))
    wire.send(method(1, (20, 20), b"\0"))
    see.note("inactive", _answer(wire))


def errors_then_more(see):
    wire = see.wire()
    wire.send(queue_declare(1, "no-such", flags=1), queue_declare(1, "other"), get(1, "no-such"))
    see.note("first", _answer(wire))
    wire.send(method(1, (20, 41)))
    wire.send(method(1, (20, 10), short_string("")))
    see.note("open again", _answer(wire))
    wire.send(queue_declare(1, "other", flags=1))
    see.note("was the second declared", _answer(wire))


def close_while_closing(see):
    wire = see.wire()
    wire.send(queue_declare(1, "no-such", flags=1))
    see.note("refused", _answer(wire))
    wire.send(method(1, (20, 40), struct.pack(">H", 200) + short_string("bye") + struct.pack(">HH", 0, 0)))
    see.note("our close", _answer(wire))
    wire.send(method(1, (20, 41)))
    wire.send(method(1, (20, 10), short_string("")))
    see.note("open again", _answer(wire))


def open_while_closing(see):
    wire = see.wire()
    wire.send(queue_declare(1, "no-such", flags=1))
    see.note("refused", _answer(wire))
    wire.send(method(1, (20, 10), short_string("")), method(0, (10, 50), struct.pack(">H", 200) + b"\0" + struct.pack(">HH", 0, 0)))
    see.note("then", _answer(wire))


def unexpected_answers(see):
    for label, identity, arguments in [
        ("queue.declare-ok", (50, 11), short_string("q") + b"\0" * 8),
        ("basic.get-empty", (60, 72), short_string("")),
        ("channel.open-ok", (20, 11), b"\0\0\0\0"),
        ("basic.cancel-ok", (60, 31), short_string("t")),
        ("basic.deliver", (60, 60), short_string("t") + b"\0" * 8 + b"\0" + short_string("") + short_string("")),
        ("tx.select-ok", (90, 11), b""),
        ("channel.flow-ok", (20, 21), b"\1"),
        ("channel.close-ok", (20, 41), b""),
    ]:
        wire = see.wire()
        wire.send(method(1, identity, arguments), queue_declare(1, "no-such", flags=1))
        see.note(label, _answer(wire))


def access_request(see):
    wire = see.wire()
    wire.send(method(1, (30, 10), short_string("/data") + b"\x1f"))
    see.note("access.request", _answer(wire))


def modes(see):
    see.do("tx_select")
    see.do("confirm_delivery")
    see.do("confirm_delivery")
    see.do("tx_select")
    see.do("tx_commit")
    see.do("tx_rollback")
    see.do("tx_select")
    see.do("tx_select")
    see.do("tx_commit")
    see.do("tx_rollback")


def last_queue(see):
    wire = see.wire()
    wire.send(get(1, ""))
    see.note("get", _answer(wire))
    wire = see.wire()
    wire.send(method(1, (60, 20), b"\0\0" + short_string("") + short_string("") + b"\0" + table()))
    see.note("consume", _answer(wire))
    wire = see.wire()
    wire.send(method(1, (50, 20), b"\0\0" + short_string("") + short_string("amq.direct") + short_string("k") + b"\0" + table()))
    see.note("bind", _answer(wire))
    for identity, label in (((50, 30), "purge"), ((50, 40), "delete")):
        wire = see.wire()
        wire.send(method(1, identity, b"\0\0" + short_string("") + b"\0"))
        see.note(label, _answer(wire))
    wire = see.wire()
    wire.send(method(1, (50, 50), b"\0\0" + short_string("") + short_string("amq.direct") + short_string("k") + table()))
    see.note("unbind", _answer(wire))
    wire = see.wire()
    wire.send(queue_declare(1, "", flags=1))
    see.note("passive declare without a name", _answer(wire))
    wire = see.wire()
    wire.declare("d-last", flags=8)
    wire.send(queue_declare(1, "", flags=1))
    see.note("passive declare of the last", _answer(wire))
    wire.send(method(1, (50, 40), b"\0\0" + short_string("d-last") + b"\0"))
    see.note("delete", _answer(wire))
    wire.send(get(1, ""))
    see.note("get of the deleted", _answer(wire))


def prefetch(see):
    wire = see.wire()
    wire.send(method(1, (60, 10), struct.pack(">IHB", 100, 0, 0)))
    see.note("prefetch size", _answer(wire))


def recover(see):
    wire = see.wire()
    wire.send(method(1, (60, 110), b"\0"))
    see.note("recover requeue=false", _answer(wire))
    wire = see.wire()
    wire.send(method(1, (60, 100), b"\0"))
    see.note("recover-async requeue=false", _answer(wire))
    wire = see.wire()
    wire.send(method(1, (60, 110), b"\1"))
    see.note("recover", _answer(wire))


def tickets_and_reserved(see):
    wire = see.wire()
    wire.send(method(1, (50, 10), b"\xff\xff" + short_string("d-ticket") + bytes([8]) + table()))
    see.note("declare with a ticket", _answer(wire))
