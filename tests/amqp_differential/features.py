"""Length limits, time to live, priorities: what a queue keeps."""

import time


def max_length(see):
    see.do("queue_declare", "d-ml", arguments={"x-max-length": 2})
    see.publish("d-ml", b"1", b"2", b"3")
    see.get_all("kept", "d-ml")
    see.do("queue_declare", "d-ml0", arguments={"x-max-length": 0})
    see.publish("d-ml0", b"1")
    see.get_all("kept of none", "d-ml0")
    see.do("queue_declare", "d-mlb", arguments={"x-max-length-bytes": 5})
    see.publish("d-mlb", b"123", b"456", b"7")
    see.get_all("kept bytes", "d-mlb")
    see.publish("d-mlb", b"1234567")
    see.get_all("larger than the queue", "d-mlb")


def max_length_and_priority(see):
    see.do("queue_declare", "d-mp", arguments={"x-max-length": 2, "x-max-priority": 3})
    for number, priority in enumerate([3, 1, 2, 0]):
        see.publish("d-mp", b"%d" % number, priority=priority)
    see.get_all("kept", "d-mp")


def expiry(see):
    see.do("queue_declare", "d-e", arguments={"x-message-ttl": 0})
    see.publish("d-e", b"1")
    see.do("queue_declare", "d-e", passive=True)
    see.do("queue_declare", "d-e2")
    see.publish("d-e2", b"1", expiration="0")
    see.publish("d-e2", b"2", expiration="30")
    see.publish("d-e2", b"3")
    time.sleep(0.15)
    see.get_all("left", "d-e2", properties=True)
    see.publish("d-e2", b"head")
    see.publish("d-e2", b"behind", expiration="30")
    time.sleep(0.15)
    see.do("queue_declare", "d-e2", passive=True)
    see.get_all("left", "d-e2")


def unused_queues(see):
    see.do("queue_declare", "d-u", arguments={"x-expires": 150})
    time.sleep(0.4)
    see.do("queue_declare", "d-u", passive=True)


def quorum(see):
    kind = {"x-queue-type": "quorum"}
    see.do("queue_declare", "d-qf", durable=True, arguments=kind)
    see.publish("d-qf", b"1", b"2", b"3")
    tag = see.get_when_there("first", "d-qf", auto_ack=False)
    see.do("basic_nack", tag, requeue=True)
    see.get_when_there("again", "d-qf", auto_ack=False)
    see.attempt("global prefetch", lambda: see.channel.basic_qos(prefetch_count=1, global_qos=True))
    see.attempt("consume with a global prefetch", lambda: see.channel.basic_consume("d-qf", lambda *_: None, consumer_tag="t"))
    see.attempt("exclusive", lambda: see.channel.basic_consume("d-qf", lambda *_: None, consumer_tag="t", exclusive=True))
