"""Exchanges and bindings: declarations that match or not, names, types, routing."""

from amqp_differential.observer import Observer


def declares(see: Observer):
    see.do("exchange_declare", "d-x", "direct")
    see.do("exchange_declare", "d-x", "direct")
    see.do("exchange_declare", "d-x", "fanout")
    see.do("exchange_declare", "d-x", "direct", durable=True)
    see.do("exchange_declare", "d-x", "direct", auto_delete=True)
    see.do("exchange_declare", "d-x", "direct", internal=True)
    see.do("exchange_declare", "d-x", "direct", arguments={"alternate-exchange": "a"})
    see.do("exchange_declare", "d-x", "direct", arguments={"x-other": 1})
    see.do("exchange_declare", "d-x", "nonsense", passive=True)
    see.do("exchange_declare", "d-x", "", passive=True)
    see.do("exchange_declare", "d-x", "fanout", passive=True, durable=True)
    see.do("exchange_declare", "d-none", "direct", passive=True)
    see.do("exchange_declare", "d-kind", "nonsense")
    see.do("exchange_declare", "d-kind", "")
    see.do("exchange_declare", "d-kind", "DIRECT")
    see.do("exchange_declare", "d-kind", "system")
    see.do("exchange_declare", "d-kind", "x-consistent-hash")
    see.do("exchange_declare", "d-kind", "x-delayed-message")


def alternates(see):
    see.do("exchange_declare", "d-alt", "fanout", arguments={"alternate-exchange": "rest"})
    see.do("exchange_declare", "d-alt", "fanout", arguments={"alternate-exchange": "other"})
    see.do("exchange_declare", "d-alt", "fanout")
    see.do("exchange_declare", "d-alt2", "fanout", arguments={"alternate-exchange": 5})
    see.do("exchange_declare", "d-alt2", "fanout", arguments={"alternate-exchange": ""})
    see.do("exchange_declare", "d-alt3", "fanout", arguments={"alternate-exchange": "d-alt3"})
    see.do("queue_declare", "d-altq")
    see.do("basic_publish", "d-alt3", "k", b"circle", mandatory=True)


def names(see):
    see.do("exchange_declare", "amq.mine", "direct")
    see.do("exchange_declare", "amq.mine", "direct", passive=True)
    see.do("exchange_declare", "amq.direct", "direct", durable=True)
    see.do("exchange_declare", "amq.direct", "direct")
    see.do("exchange_declare", "amq.topic", "direct", durable=True)
    see.do("exchange_declare", "", "direct", durable=True)
    see.do("exchange_declare", "", "direct", passive=True)
    see.do("exchange_declare", "amq.rabbitmq.trace", "topic", passive=True)
    see.do("exchange_declare", "amq.match", "headers", passive=True)
    see.do("exchange_declare", "amq.headers", "headers", passive=True)
    see.do("exchange_delete", "amq.direct")
    see.do("exchange_delete", "amq.rabbitmq.trace")
    see.do("exchange_delete", "amq.nothing")
    see.do("exchange_delete", "")
    see.do("exchange_delete", "d-nothing")
    see.do("exchange_declare", "d-line\r\nbreak", "direct")
    see.do("exchange_declare", "d-linebreak", "direct", passive=True)
    see.do("exchange_delete", "d-linebreak")
    see.do("exchange_declare", "d-höchst", "direct")


def deleting(see):
    see.do("exchange_declare", "d-del", "direct")
    see.do("queue_declare", "d-delq")
    see.do("queue_bind", "d-delq", "d-del", "k")
    see.do("exchange_delete", "d-del", if_unused=True)
    see.do("queue_unbind", "d-delq", "d-del", "k")
    see.do("exchange_delete", "d-del", if_unused=True)
    see.do("exchange_declare", "d-src", "direct")
    see.do("exchange_declare", "d-dst", "direct")
    see.do("exchange_bind", "d-dst", "d-src", "k")
    see.do("exchange_delete", "d-dst", if_unused=True)
    see.do("exchange_delete", "d-src", if_unused=True)
    see.do("exchange_delete", "d-src")


def binding(see):
    see.do("exchange_declare", "d-b", "direct")
    see.do("queue_declare", "d-bq")
    see.do("queue_bind", "d-none", "d-b", "k")
    see.do("queue_bind", "d-bq", "d-none", "k")
    see.do("queue_bind", "d-none", "d-none", "k")
    see.do("queue_bind", "d-bq", "", "k")
    see.do("queue_unbind", "d-bq", "", "k")
    see.do("queue_unbind", "d-bq", "d-b", "never")
    see.do("queue_unbind", "d-none", "d-b", "never")
    see.do("queue_unbind", "d-bq", "d-none", "never")
    see.do("exchange_bind", "d-none", "d-b", "k")
    see.do("exchange_bind", "d-b", "d-none", "k")
    see.do("exchange_bind", "", "d-b", "k")
    see.do("exchange_bind", "d-b", "", "k")
    see.do("exchange_unbind", "d-none", "d-b", "k")
    see.do("exchange_unbind", "d-b", "d-none", "k")
    see.do("exchange_unbind", "d-b", "d-b", "k")
    see.do("exchange_bind", "d-b", "d-b", "k")
    see.do("exchange_bind", "amq.rabbitmq.trace", "d-b", "k")
    see.do("exchange_unbind", "amq.rabbitmq.trace", "d-b", "k")


def internal(see):
    see.do("exchange_declare", "d-int", "fanout", internal=True)
    see.do("basic_publish", "d-int", "k", b"x")
    see.do("exchange_declare", "d-ext", "fanout")
    see.do("exchange_bind", "d-int", "d-ext", "")
    see.do("queue_declare", "d-intq")
    see.do("queue_bind", "d-intq", "d-int", "")
    see.do("basic_publish", "d-ext", "k", b"through")
    see.get_all("arrived", "d-intq")
    see.do("basic_publish", "amq.rabbitmq.trace", "k", b"x")


def auto_delete(see):
    see.do("exchange_declare", "d-auto", "direct", auto_delete=True)
    see.do("queue_declare", "d-autoq")
    see.do("queue_bind", "d-autoq", "d-auto", "k")
    see.do("queue_unbind", "d-autoq", "d-auto", "k")
    see.do("exchange_declare", "d-auto", passive=True)
    see.do("exchange_declare", "d-auto", "direct", auto_delete=True)
    see.do("queue_bind", "d-autoq", "d-auto", "k")
    see.do("queue_delete", "d-autoq")
    see.do("exchange_declare", "d-auto", passive=True)
    see.do("exchange_declare", "d-auto1", "direct", auto_delete=True)
    see.do("exchange_declare", "d-auto2", "direct", auto_delete=True)
    see.do("exchange_declare", "d-auto3", "direct")
    see.do("exchange_bind", "d-auto2", "d-auto1", "k")
    see.do("exchange_bind", "d-auto3", "d-auto2", "k")
    see.do("exchange_delete", "d-auto3")
    see.do("exchange_declare", "d-auto2", passive=True)
    see.do("exchange_declare", "d-auto1", passive=True)


def headers(see):
    see.do("exchange_declare", "d-h", "headers")
    rows = [
        ({"x-match": "all", "a": 1, "b": "two"}, [{"a": 1, "b": "two"}, {"a": 1}, {"a": 1, "b": "two", "c": 3}, {"a": "1", "b": "two"}, {}]),
        ({"x-match": "any", "a": 1, "b": "two"}, [{"a": 1}, {"b": "two"}, {"a": 2}, {}, {"c": 1}]),
        ({"a": 1}, [{"a": 1}, {"a": 1, "b": 2}, {}]),
        ({}, [{}, {"a": 1}]),
        ({"x-match": "all"}, [{}, {"a": 1}]),
        ({"x-match": "any"}, [{}, {"a": 1}]),
        ({"x-match": "all", "a": None}, [{"a": 5}, {"a": None}, {}]),
        ({"x-match": "any", "a": None, "b": 1}, [{"a": 5}, {"b": 1}, {}]),
        ({"x-match": "all", "x-a": 1, "b": 2}, [{"b": 2}, {"x-a": 1, "b": 2}]),
        ({"x-match": "all-with-x", "x-a": 1, "b": 2}, [{"b": 2}, {"x-a": 1, "b": 2}]),
        ({"x-match": "any-with-x", "x-a": 1, "b": 2}, [{"b": 2}, {"x-a": 1}, {}]),
        ({"x-match": "all", "a": True}, [{"a": True}, {"a": False}, {"a": 1}]),
        ({"x-match": "all", "a": {"n": 1}}, [{"a": {"n": 1}}, {"a": {"n": 2}}]),
        ({"x-match": "all", "a": [1, 2]}, [{"a": [1, 2]}, {"a": [2, 1]}]),
    ]
    for arguments, messages in rows:
        queue = see.channel.queue_declare("", exclusive=True).method.queue
        see.do("queue_bind", queue, "d-h", "", arguments=arguments, label=f"bind {arguments}")
        for message in messages:
            see.publish("", b"x", exchange="d-h", headers=message)
            see.get_all(f"{arguments} gets {message}", queue)
        see.channel.queue_delete(queue)
    queue = see.channel.queue_declare("d-hq").method.queue
    see.declared_queues.add("d-hq")
    for bad in ("some", "", "ALL", 5):
        see.do("queue_bind", queue, "d-h", "", arguments={"x-match": bad})


def topics(see):
    see.do("exchange_declare", "d-t", "topic")
    keys = ["", "a", "a.b", "a.b.c", ".", "a.", ".a", "a..b", "b", "*", "#", "a.*", "a.#", "x.a.b"]
    for pattern in ["", "#", "*", "a", "a.*", "*.a", "a.#", "#.a", "#.b.#", "*.*", "a.*.b", "#.#", "*.#", "#.*", "..", "a.#.b.#", "a#", "*a"]:
        queue = see.channel.queue_declare("", exclusive=True).method.queue
        see.channel.queue_bind(queue, "d-t", pattern)
        for key in keys:
            see.channel.basic_publish("d-t", key, key.encode())
        see.channel.exchange_declare("amq.direct", passive=True)
        got = []
        while (one := see.channel.basic_get(queue, auto_ack=True))[0] is not None:
            got.append(one[2])
        see.note(f"pattern {pattern!r}", got)
        see.channel.queue_delete(queue)


def the_same_queue_twice(see):
    see.do("exchange_declare", "d-two", "topic")
    see.do("queue_declare", "d-twoq")
    see.do("queue_bind", "d-twoq", "d-two", "a.*")
    see.do("queue_bind", "d-twoq", "d-two", "*.b")
    see.do("queue_bind", "d-twoq", "d-two", "*.b")
    see.publish("a.b", b"once", exchange="d-two")
    see.get_all("arrived", "d-twoq")
    see.do("queue_unbind", "d-twoq", "d-two", "*.b")
    see.publish("x.b", b"none", exchange="d-two")
    see.get_all("arrived", "d-twoq")
    see.do("queue_bind", "d-twoq", "d-two", "a.*", arguments={"x": 1})
    see.do("queue_unbind", "d-twoq", "d-two", "a.*")
    see.publish("a.c", b"still", exchange="d-two")
    see.get_all("arrived", "d-twoq")
