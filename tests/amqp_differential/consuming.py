"""Consumers: tags, exclusiveness, cancels, prefetch, priorities, single active ones."""

from amqp_client.wire import METHOD, Closed, consume, method, short_string, table


def tags(see):
    see.do("queue_declare", "d-tag")
    see.note("generated", see.consume("d-tag", []))
    see.note("own", see.consume("d-tag", [], consumer_tag="mine"))
    wire = see.wire()
    wire.send(consume(1, "d-tag", "twice"))
    found = [wire.read_frame()]
    wire.send(consume(1, "d-tag", "twice"))
    found.append(wire.read_frame())
    see.note("twice", [each.method for each in found] + [wire._closing(found[1])])
    see.do("basic_cancel", "unknown")
    wire = see.wire()
    wire.send(method(1, (60, 30), short_string("unknown") + b"\0"))
    see.note("cancel of an unknown tag", wire.read_frame())
    wire.send(consume(1, "d-tag", "again"))
    see.note("consume", wire.read_frame())
    wire.send(method(1, (60, 30), short_string("again") + b"\0"))
    see.note("cancel", wire.read_frame())
    wire.send(consume(1, "d-tag", "again"))
    see.note("consume with the same tag", wire.read_frame())


def exclusive(see):
    see.do("queue_declare", "d-ex")
    one, two = see.connect().channel(), see.connect().channel()
    see.note("first", see.consume("d-ex", [], channel=one, exclusive=True, consumer_tag="one"))
    see.attempt("second", lambda: two.basic_consume("d-ex", lambda *_: None))
    two = two.connection.channel()
    see.attempt("second, exclusive", lambda: two.basic_consume("d-ex", lambda *_: None, exclusive=True))
    see.do("basic_get", "d-ex")
    see.do("queue_delete", "d-ex", if_unused=True)
    one.basic_cancel("one")
    two = two.connection.channel()
    see.note("after the cancel", see.consume("d-ex", [], channel=two, consumer_tag="two"))
    see.attempt("exclusive beside another", lambda: one.basic_consume("d-ex", lambda *_: None, exclusive=True))


def single_active(see):
    see.do("queue_declare", "d-sac", arguments={"x-single-active-consumer": True})
    one, two = [], []
    first, second = see.connection.channel(), see.connection.channel()
    see.consume("d-sac", one, channel=first, auto_ack=True, consumer_tag="one")
    see.consume("d-sac", two, channel=second, auto_ack=True, consumer_tag="two")
    see.publish("d-sac", b"1", b"2", b"3")
    see.serve()
    see.note("first", one)
    see.note("second", two)
    first.basic_cancel("one")
    see.publish("d-sac", b"4")
    see.serve(until=lambda: two)
    see.note("second takes over", two)
    see.attempt("exclusive", lambda: see.connection.channel().basic_consume("d-sac", lambda *_: None, exclusive=True))
    see.do("basic_get", "d-sac")


def cancel_notices(see):
    see.do("queue_declare", "d-gone")
    for label, capability in (("told", True), ("untold", False)):
        see.channel.queue_declare("d-gone")
        wire = see.wire(opened=False)
        wire.start()
        from amqp_client.wire import OPEN, OPEN_OK, field

        wire.log_in(capabilities=field("consumer_cancel_notify", b"t", b"\1" if capability else b"\0"))
        wire.tune()
        wire.send(method(0, OPEN, short_string("/") + short_string("") + b"\0"))
        wire.expect(OPEN_OK)
        wire.open_channel()
        wire.send(consume(1, "d-gone", "tag"))
        wire.read_frame()
        see.channel.queue_delete("d-gone")
        wire.socket.settimeout(0.5)
        try:
            found = wire.read_frame()
            see.note(label, f"{found.method} {found.arguments!r}" if found.kind == METHOD else found)
        except (TimeoutError, Closed) as error:
            see.note(label, type(error).__name__)


def prefetch(see):
    see.do("queue_declare", "d-pre")
    see.publish("d-pre", *[b"%d" % number for number in range(10)])
    one, two, three = [], [], []
    channel = see.connection.channel()
    channel.basic_qos(prefetch_count=2)
    see.consume("d-pre", one, channel=channel, consumer_tag="one")
    see.serve()
    see.note("two for the first", one)
    see.consume("d-pre", two, channel=channel, consumer_tag="two")
    see.serve()
    see.note("two for the second", two)
    channel.basic_qos(prefetch_count=5, global_qos=True)
    see.serve()
    see.note("a limit of five in all lets", [len(one), len(two)])
    channel.basic_ack(one[0][1])
    see.serve()
    see.note("after one ack", [len(one), len(two)])
    channel.basic_ack(0, multiple=True)
    see.serve()
    see.note("after all acks", [len(one), len(two)])
    channel.close()
    channel = see.connection.channel()
    channel.basic_qos(prefetch_count=1, global_qos=True)
    see.consume("d-pre", three, channel=channel, consumer_tag="three")
    see.consume("d-pre", three, channel=channel, consumer_tag="four")
    see.serve()
    see.note("one in all", len(three))
    channel.basic_qos(prefetch_count=0, global_qos=True)
    see.serve()
    see.note("no limit", len(three))


def priorities(see):
    see.do("queue_declare", "d-cp")
    high, low = [], []
    first, second = see.connection.channel(), see.connection.channel()
    first.basic_qos(prefetch_count=2)
    second.basic_qos(prefetch_count=2)
    see.consume("d-cp", low, channel=first, consumer_tag="low")
    see.consume("d-cp", high, channel=second, consumer_tag="high", arguments={"x-priority": 5})
    see.publish("d-cp", b"1", b"2", b"3")
    see.serve(until=lambda: len(low) + len(high) == 3)
    see.note("high", high)
    see.note("low", low)
    for value in ("5", -5, None):
        see.attempt(f"x-priority {value!r}", lambda value=value: see.connection.channel().basic_consume("d-cp", lambda *_: None, arguments={"x-priority": value}, consumer_tag="c"))


def cancel_leaves_unacked(see):
    see.do("queue_declare", "d-un")
    inbox = []
    see.consume("d-un", inbox, consumer_tag="t")
    see.publish("d-un", b"1", b"2")
    see.serve(until=lambda: len(inbox) == 2)
    see.channel.basic_cancel("t")
    see.do("queue_declare", "d-un", passive=True)
    see.do("basic_ack", inbox[0][1], label="ack after the cancel")
    see.do("basic_nack", inbox[1][1], label="nack after the cancel")
    see.get_all("requeued", "d-un")


def no_local_and_unknown_arguments(see):
    see.do("queue_declare", "d-nl")
    wire = see.wire()
    wire.send(consume(1, "d-nl", "nl", no_local=True))
    see.note("no-local", wire.read_frame())
    see.attempt("unknown argument", lambda: see.channel.basic_consume("d-nl", lambda *_: None, arguments={"x-unknown": 1}, consumer_tag="u"))
    see.attempt("x-stream-offset", lambda: see.channel.basic_consume("d-nl", lambda *_: None, arguments={"x-stream-offset": "first"}, consumer_tag="s"))


def delivery_order_and_round_robin(see):
    see.do("queue_declare", "d-rr")
    one, two = [], []
    see.consume("d-rr", one, consumer_tag="one", auto_ack=True)
    see.consume("d-rr", two, consumer_tag="two", auto_ack=True)
    see.publish("d-rr", *[b"%d" % number for number in range(6)])
    see.serve(until=lambda: len(one) + len(two) == 6)
    see.note("one", [each[2] for each in one])
    see.note("two", [each[2] for each in two])


def exclusive_flag_bits(see):
    see.do("queue_declare", "d-bits")
    wire = see.wire()
    wire.send(method(1, (60, 20), b"\0\0" + short_string("d-bits") + short_string("t") + b"\xf0" + table()))
    wire.socket.settimeout(0.5)
    try:
        see.note("unused flags", wire.read_frame())
    except (TimeoutError, Closed) as error:
        see.note("unused flags", type(error).__name__)
