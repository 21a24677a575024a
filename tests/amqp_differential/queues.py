"""Queues: declarations that match or not, exclusive ones, deleting, invalid arguments."""

from amqp_client.wire import method, queue_declare, short_string, table


def declares(see):
    see.do("queue_declare", "d-q", durable=True)
    see.do("queue_declare", "d-q", durable=True)
    see.do("queue_declare", "d-q")
    see.do("queue_declare", "d-q", durable=True, auto_delete=True)
    see.do("queue_declare", "d-q", durable=True, exclusive=True)
    see.do("queue_declare", "d-q", durable=True, arguments={"x-message-ttl": 5})
    see.do("queue_declare", "d-q", durable=True, arguments={"x-mine": 5})
    see.do("queue_declare", "d-q", passive=True)
    see.do("queue_declare", "d-q", passive=True, durable=False, exclusive=True)
    see.do("queue_declare", "d-none", passive=True)
    see.do("queue_declare", "d-ttl", arguments={"x-message-ttl": 5})
    see.do("queue_declare", "d-ttl", arguments={"x-message-ttl": 6})
    see.do("queue_declare", "d-ttl", arguments={"x-message-ttl": "5"})
    see.do("queue_declare", "d-ttl")
    see.do("queue_declare", "d-ttl", arguments={"x-message-ttl": 5, "x-expires": 5000})
    see.do("queue_declare", "d-args", arguments={"x-dead-letter-exchange": "a", "x-max-length": 3})
    see.do("queue_declare", "d-args", arguments={"x-dead-letter-exchange": "b", "x-max-length": 3})
    see.do("queue_declare", "d-args", arguments={"x-dead-letter-exchange": "a"})
    see.do("queue_declare", "d-mode", arguments={"x-queue-mode": "lazy"})
    see.do("queue_declare", "d-mode", arguments={"x-queue-mode": "default"})
    see.do("queue_declare", "d-mode")
    see.do("queue_declare", "d-type", durable=True, arguments={"x-queue-type": "classic"})
    see.do("queue_declare", "d-type", durable=True)
    see.do("queue_declare", "d-type", durable=True, arguments={"x-queue-type": "quorum"})


def names(see):
    see.do("queue_declare", "amq.mine")
    see.do("queue_declare", "amq.mine", passive=True)
    see.do("queue_declare", "")
    see.do("queue_declare", "", exclusive=True)
    wire = see.wire()
    wire.send(queue_declare(1, "d-line\r\nbreak"))
    see.note("line breaks in a name", wire.read_frame())
    see.do("queue_delete", "d-linebreak")
    see.do("queue_delete", "amq.nothing")
    generated = see.channel.queue_declare("", exclusive=True).method.queue
    see.do("queue_declare", generated, exclusive=True, label="declare the generated again")
    see.do("queue_declare", generated, label="declare the generated as shared")
    see.do("queue_delete", generated, label="delete the generated")


def exclusive(see):
    owner = see.connect()
    owned = owner.channel()
    owned.queue_declare("d-mine", exclusive=True)
    see.do("queue_declare", "d-mine", exclusive=True)
    see.do("queue_declare", "d-mine")
    see.do("queue_declare", "d-mine", passive=True)
    see.do("basic_get", "d-mine")
    see.do("basic_consume", "d-mine", lambda *_: None, label="consume")
    see.do("queue_bind", "d-mine", "amq.direct", "k")
    see.do("queue_unbind", "d-mine", "amq.direct", "k")
    see.do("queue_purge", "d-mine")
    see.do("queue_delete", "d-mine")
    see.do("basic_publish", "", "d-mine", b"allowed")
    see.do("queue_declare", "d-mine", channel=owned, passive=True, label="owner looks")
    see.do("queue_declare", "d-mine", channel=owned, label="owner declares it shared")
    owner.close()
    see.serve(0.2)
    see.do("queue_declare", "d-mine", passive=True)


def durable_exclusive(see):
    see.do("queue_declare", "d-durex", durable=True, exclusive=True)
    see.do("queue_declare", "d-durex", durable=True, exclusive=True)
    see.do("queue_declare", "d-durex", durable=False, exclusive=True)
    see.do("queue_declare", "d-durex", durable=True, exclusive=True, auto_delete=True)


def deleting(see):
    see.do("queue_delete", "d-none")
    see.do("queue_declare", "d-del")
    see.publish("d-del", b"1", b"2")
    see.do("queue_delete", "d-del", if_empty=True)
    see.do("queue_delete", "d-del")
    see.do("queue_declare", "d-del")
    other = see.connect().channel()
    other.basic_consume("d-del", lambda *_: None)
    see.do("queue_delete", "d-del", if_unused=True)
    see.do("queue_delete", "d-del", if_unused=True, if_empty=True)
    see.do("queue_delete", "d-del")
    see.do("queue_purge", "d-del")
    see.do("basic_get", "d-del")
    see.do("basic_consume", "d-del", lambda *_: None, label="consume")


def purging(see):
    see.do("queue_declare", "d-purge")
    see.publish("d-purge", b"1", b"2", b"3")
    see.channel.basic_get("d-purge")
    see.do("queue_purge", "d-purge")
    see.do("queue_purge", "d-purge")
    see.do("queue_delete", "d-purge", if_empty=True)


def invalid_arguments(see):
    rows = [
        ("x-message-ttl", [-1, "60", 0, 2**40, None, True, {"a": 1}, 315360000000, 315360000001]),
        ("x-expires", [-1, 0, "60", 2**40, 60000]),
        ("x-max-length", [-1, "5", 0, None]),
        ("x-max-length-bytes", [-1, "5", 0]),
        ("x-max-priority", [-1, 0, 255, 256, "5", 5]),
        ("x-overflow", ["drop-head", "reject-publish", "reject-publish-dlx", "none", 5, ""]),
        ("x-dead-letter-exchange", [5, "", "later", None]),
        ("x-dead-letter-routing-key", ["k", 5]),
        ("x-single-active-consumer", [True, False, "yes", 1]),
        ("x-queue-mode", ["lazy", "default", "other", 5]),
        ("x-queue-version", [1, 2, 0, 3, "1"]),
        ("x-queue-type", ["classic", "other", 5, ""]),
        ("x-queue-master-locator", ["min-masters", "client-local", "nonsense", 5]),
        ("x-delivery-limit", [5, -1]),
        ("x-max-in-memory-length", [5]),
        ("x-quorum-initial-group-size", [5]),
        ("x-max-age", ["7D"]),
        ("x-stream-max-segment-size-bytes", [5]),
        ("x-dead-letter-strategy", ["at-most-once"]),
        ("x-queue-leader-locator", ["balanced", "client-local", "nonsense"]),
        ("x-unknown", [5]),
        ("ha-mode", ["all"]),
    ]
    for argument, values in rows:
        for value in values:
            see.do("queue_declare", "d-arg", arguments={argument: value}, durable=True)
            see.do("queue_delete", "d-arg", label="-")
    see.do("queue_declare", "d-arg", durable=True, arguments={"x-dead-letter-exchange": "x", "x-dead-letter-routing-key": 5})
    see.do("queue_declare", "d-arg", durable=True, arguments={"x-message-ttl": -1, "x-max-length": -1})


def quorum(see):
    kind = {"x-queue-type": "quorum"}
    see.do("queue_declare", "d-quorum", arguments=kind)
    see.do("queue_declare", "d-quorum", durable=True, exclusive=True, arguments=kind)
    see.do("queue_declare", "d-quorum", durable=True, auto_delete=True, arguments=kind)
    see.do("queue_declare", "", durable=True, arguments=kind)
    see.do("queue_declare", "d-quorum", durable=True, arguments=kind)
    see.do("queue_declare", "d-quorum", durable=True)
    see.do("queue_declare", "d-quorum", durable=True, arguments={"x-queue-type": "classic"})
    see.do("queue_declare", "d-quorum2", durable=True, arguments=kind | {"x-max-priority": 5})
    see.do("queue_declare", "d-quorum3", durable=True, arguments=kind | {"x-delivery-limit": "5"})
    see.do("queue_declare", "d-quorum5", durable=True, arguments=kind | {"x-overflow": "reject-publish-dlx"})
    see.do("queue_declare", "d-quorum6", durable=True, arguments=kind | {"x-overflow": "reject-publish"})
    see.do("queue_declare", "d-quorum7", durable=True, arguments=kind | {"x-dead-letter-strategy": "nonsense"})
    see.do("queue_declare", "d-quorum8", durable=True, arguments=kind | {"x-queue-mode": "lazy"})
    see.do("queue_declare", "d-quorum9", durable=True, arguments=kind | {"x-queue-version": 2})


def streams(see):
    kind = {"x-queue-type": "stream"}
    see.do("queue_declare", "d-stream", arguments=kind)
    see.do("queue_declare", "d-stream", durable=True, exclusive=True, arguments=kind)


def auto_delete(see):
    see.do("queue_declare", "d-auto", auto_delete=True)
    see.do("queue_declare", "d-auto", auto_delete=True)
    tag = see.consume("d-auto", [])
    see.do("basic_cancel", tag, label="cancel")
    see.do("queue_declare", "d-auto", passive=True)


def counts(see):
    see.do("queue_declare", "d-count")
    see.publish("d-count", b"1", b"2")
    see.do("queue_declare", "d-count", passive=True)
    see.channel.basic_get("d-count")
    see.do("queue_declare", "d-count", passive=True)
    see.consume("d-count", [])
    see.do("queue_declare", "d-count", passive=True)


def nowait(see):
    wire = see.wire()
    wire.send(queue_declare(1, "d-nowait", flags=16))
    wire.send(queue_declare(1, "d-nowait", flags=1))
    see.note("declared", wire.read_frame())
    wire.send(method(1, (50, 20), b"\0\0" + short_string("d-nowait") + short_string("amq.direct") + short_string("k") + b"\1" + table()))
    wire.send(method(1, (50, 30), b"\0\0" + short_string("d-nowait") + b"\1"))
    wire.send(method(1, (50, 40), b"\0\0" + short_string("d-nowait") + b"\4"))
    wire.send(queue_declare(1, "d-nowait", flags=1))
    see.note("deleted", wire.read_frame())
