"""Publishing: refusals, returns, confirms, copies, users, expirations, direct replies."""

import pika

from amqp_client.wire import BODY, METHOD, Closed, content_header, frame, method, publish, short_string


def _frames(wire, count):
    found = []
    for _ in range(count):
        try:
            one = wire.read_frame()
        except (Closed, TimeoutError) as error:
            found.append(type(error).__name__)
            break
        if one.kind == METHOD and one.method in ((20, 40), (10, 50)):
            found.append("%s %s %s %s" % (one.method, *wire._closing(one)))
        elif one.kind == METHOD:
            found.append(f"{one.method} {one.arguments!r}")
        else:
            found.append(f"frame {one.kind} {one.payload!r}")
    return found


def refusals(see):
    see.do("basic_publish", "d-none", "k", b"x")
    see.do("basic_publish", "d-none", "k", b"x", mandatory=True)
    wire = see.wire()
    wire.send(publish(1, "q", flags=2) + content_header(1, 0))
    see.note("immediate", _frames(wire, 1))
    for label, properties in [
        ("user id", {"user_id": "guest"}),
        ("other user id", {"user_id": "somebody"}),
        ("empty user id", {"user_id": ""}),
        ("expiration", {"expiration": "1000"}),
        ("expiration 0", {"expiration": "0"}),
        ("expiration -1", {"expiration": "-1"}),
        ("expiration text", {"expiration": "soon"}),
        ("expiration 10s", {"expiration": "10s"}),
        ("expiration 1.5", {"expiration": "1.5"}),
        ("expiration empty", {"expiration": ""}),
        ("expiration large", {"expiration": "315360000001"}),
        ("expiration huge", {"expiration": "99999999999999999999999999"}),
        ("expiration blank", {"expiration": " 5"}),
        ("priority 255", {"priority": 255}),
        ("delivery mode 0", {"delivery_mode": 0}),
        ("delivery mode 3", {"delivery_mode": 3}),
        ("CC text", {"headers": {"CC": "text"}}),
        ("CC numbers", {"headers": {"CC": [1, 2]}}),
        ("BCC text", {"headers": {"BCC": "text"}}),
        ("CC", {"headers": {"CC": ["d-cc1", "d-cc2"]}}),
        ("reply-to", {"reply_to": "anywhere"}),
        ("direct reply-to without consumer", {"reply_to": "amq.rabbitmq.reply-to"}),
    ]:
        see.do("basic_publish", "", "d-none", b"x", pika.BasicProperties(**properties), label=label)


def returns(see):
    returned = []
    see.channel.add_on_return_callback(lambda _c, m, p, b: returned.append((m, p, b)))
    see.channel.basic_publish("amq.direct", "no-key", b"body", pika.BasicProperties(content_type="text/plain", headers={"a": 1}), mandatory=True)
    see.channel.basic_publish("", "d-none", b"", mandatory=True)
    see.channel.exchange_declare("amq.direct", passive=True)
    see.serve(until=lambda: len(returned) == 2)
    see.note("returned", returned)


def confirms(see):
    see.do("queue_declare", "d-conf", durable=True)
    wire = see.wire()
    wire.send(method(1, (85, 10), b"\0"))
    see.note("select-ok", _frames(wire, 1))
    wire.send(publish(1, "d-none", flags=1) + content_header(1, 1) + frame(BODY, 1, b"x"))
    see.note("mandatory unroutable", _frames(wire, 4))
    wire.send(publish(1, "d-none") + content_header(1, 1) + frame(BODY, 1, b"x"))
    see.note("unroutable", _frames(wire, 1))
    wire.send(publish(1, "d-conf") + content_header(1, 1) + frame(BODY, 1, b"x"))
    see.note("transient", _frames(wire, 1))
    wire.send(publish(1, "d-conf") + content_header(1, 1, flags=0x1000, properties=b"\2") + frame(BODY, 1, b"x"))
    see.note("persistent", _frames(wire, 1))
    wire.send(publish(1, "d-conf") + content_header(1, 0))
    see.note("empty", _frames(wire, 1))


def full_queue(see):
    see.do("queue_declare", "d-full", arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    wire = see.wire()
    wire.send(method(1, (85, 10), b"\0"))
    wire.read_frame()
    wire.send(publish(1, "d-full") + content_header(1, 1) + frame(BODY, 1, b"1"))
    see.note("first", _frames(wire, 1))
    wire.send(publish(1, "d-full") + content_header(1, 1) + frame(BODY, 1, b"2"))
    see.note("second", _frames(wire, 1))
    wire.send(publish(1, "d-full", flags=1) + content_header(1, 1) + frame(BODY, 1, b"3"))
    see.note("third, mandatory", _frames(wire, 1))
    see.get_all("kept", "d-full")


def copies(see):
    for queue in ("d-c1", "d-c2", "d-c3", "d-c4"):
        see.do("queue_declare", queue)
    see.publish("d-c1", b"copied", headers={"CC": ["d-c2", "d-c1"], "BCC": ["d-c3"], "other": 1})
    for queue in ("d-c1", "d-c2", "d-c3", "d-c4"):
        see.get_all(queue, queue, properties=True)
    see.do("exchange_declare", "d-cx", "topic")
    see.do("queue_bind", "d-c4", "d-cx", "by.cc")
    see.publish("nobody", b"cc", exchange="d-cx", headers={"CC": ["by.cc"]})
    see.publish("nobody", b"bcc", exchange="d-cx", headers={"BCC": ["by.cc"]})
    see.get_all("through an exchange", "d-c4", properties=True)


def properties_come_back(see):
    see.do("queue_declare", "d-prop")
    full = dict(
        content_type="text/plain", content_encoding="utf-8", headers={"s": "x", "i": 1, "l": 2**40, "b": True, "n": None, "t": {"a": [1, "x"]}},
        delivery_mode=2, priority=3, correlation_id="c", reply_to="r", expiration="60000", message_id="m", timestamp=1234567890, type="t",
        user_id="guest", app_id="a", cluster_id="cl",
    )
    see.publish("d-prop", b"all", **full)
    see.publish("d-prop", b"none")
    see.publish("d-prop", b"", content_type="x")
    see.get_all("messages", "d-prop", properties=True)


def direct_reply(see):
    replies = []
    see.attempt("consume with ack", lambda: see.channel.basic_consume("amq.rabbitmq.reply-to", lambda *_: None, auto_ack=False))
    tag = see.consume("amq.rabbitmq.reply-to", replies, auto_ack=True)
    see.note("tag", tag)
    see.do("queue_declare", "d-rpc")
    see.publish("d-rpc", b"question", reply_to="amq.rabbitmq.reply-to", correlation_id="1")
    method_, properties, body = see.channel.basic_get("d-rpc", auto_ack=True)
    see.note("asked", [body, properties])
    address = properties.reply_to
    other = see.connect().channel()
    see.do("queue_declare", address, passive=True, channel=other, label="declare passively")
    see.do("queue_declare", address, channel=other, label="declare")
    see.do("queue_declare", address[:-3] + "xyz", passive=True, label="declare another")
    other = see.connect().channel()
    other.basic_publish("", address, b"answer", pika.BasicProperties(correlation_id="1"))
    see.serve(until=lambda: replies)
    see.note("answered", replies)
    returned = []
    other.add_on_return_callback(lambda _c, m, p, b: returned.append((m.reply_code, m.reply_text, b)))
    other.basic_publish("", address, b"again", mandatory=True)
    other.basic_publish("", "amq.rabbitmq.reply-to.nobody", b"lost", mandatory=True)
    other.exchange_declare("amq.direct", passive=True)
    see.note("returned", returned)
    see.serve(until=lambda: len(replies) == 2)
    see.do("basic_get", "amq.rabbitmq.reply-to")


def direct_reply_refusals(see):
    see.consume("amq.rabbitmq.reply-to", [], auto_ack=True)
    see.attempt("consume twice", lambda: see.channel.basic_consume("amq.rabbitmq.reply-to", lambda *_: None, auto_ack=True))
    tag = see.consume("amq.rabbitmq.reply-to", [], auto_ack=True, consumer_tag="mine")
    see.do("basic_cancel", tag, label="cancel")
    see.do("basic_publish", "", "d-none", b"x", pika.BasicProperties(reply_to="amq.rabbitmq.reply-to"), label="after the cancel")
    see.attempt("exclusive", lambda: see.channel.basic_consume("amq.rabbitmq.reply-to", lambda *_: None, auto_ack=True, exclusive=True))
    see.do("queue_declare", "amq.rabbitmq.reply-to", passive=True)
    see.do("queue_declare", "amq.rabbitmq.reply-to")
    see.do("queue_bind", "amq.rabbitmq.reply-to", "amq.direct", "k")
    see.do("queue_delete", "amq.rabbitmq.reply-to")
    see.do("queue_purge", "amq.rabbitmq.reply-to")
    see.do("basic_publish", "", "amq.rabbitmq.reply-to", b"x", mandatory=True)


def priorities(see):
    see.do("queue_declare", "d-prio", arguments={"x-max-priority": 5})
    for number, priority in enumerate([0, 5, 3, None, 9, 1, 5]):
        see.publish("d-prio", b"%d" % number, **({} if priority is None else {"priority": priority}))
    see.get_all("order", "d-prio", properties=True)


def transactions(see):
    see.do("queue_declare", "d-tx")
    see.do("tx_select")
    channel = see.channel
    channel.basic_publish("", "d-tx", b"1")
    channel.basic_publish("", "d-tx", b"2")
    see.do("queue_declare", "d-tx", passive=True)
    see.do("tx_rollback")
    see.do("queue_declare", "d-tx", passive=True)
    channel.basic_publish("", "d-tx", b"3")
    see.do("tx_commit")
    see.do("queue_declare", "d-tx", passive=True)
    got = channel.basic_get("d-tx")
    channel.basic_ack(got[0].delivery_tag)
    see.do("tx_rollback")
    see.do("basic_ack", got[0].delivery_tag, label="ack again")
    see.do("tx_commit")
    see.do("queue_declare", "d-tx", passive=True)
    channel.basic_publish("d-none", "k", b"x")
    see.do("tx_commit", label="commit of a publish to nowhere")
    see.do("tx_select")
    returned = []
    see.channel.add_on_return_callback(lambda _c, m, p, b: returned.append((m.reply_code, b)))
    see.channel.basic_publish("", "d-none", b"x", mandatory=True)
    see.serve(0.2)
    see.note("returned before the commit", returned)
    see.do("tx_commit")
    see.serve(0.2)
    see.note("returned after the commit", returned)
    see.channel.basic_ack(99)
    see.do("tx_commit", label="commit of an unknown tag")


def sizes(see):
    see.do("queue_declare", "d-size")
    for size in (0, 1, 131064, 131065, 131072, 300000):
        see.publish("d-size", b"x" * size)
        _, _, body = see.channel.basic_get("d-size", auto_ack=True)
        see.note(f"{size}", len(body))


def refused_publish_and_what_follows(see):
    see.do("queue_declare", "d-follow")
    wire = see.wire()
    first = method(1, (60, 40), b"\0\0" + short_string("d-none") + short_string("k") + b"\0")
    wire.send(first + content_header(1, 1) + frame(BODY, 1, b"x") + publish(1, "d-follow") + content_header(1, 1) + frame(BODY, 1, b"y"))
    see.note("closed", _frames(wire, 1))
    wire.send(method(1, (20, 41)) + method(1, (20, 10), short_string("")))
    see.note("open", _frames(wire, 1))
    see.get_all("arrived", "d-follow")
