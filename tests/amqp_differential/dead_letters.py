"""Dead letters: what goes where, with which headers."""

import time

import pika


def _topology(see, stem, **arguments):
    see.do("exchange_declare", f"{stem}-dlx", "fanout")
    see.do("queue_declare", f"{stem}-dead")
    see.do("queue_bind", f"{stem}-dead", f"{stem}-dlx", "")
    see.do("queue_declare", stem, arguments={"x-dead-letter-exchange": f"{stem}-dlx", **arguments})
    return stem, f"{stem}-dead"


def rejected(see):
    queue, dead = _topology(see, "d-rej")
    see.publish(queue, b"1", headers={"mine": 1}, expiration="60000", priority=2, content_type="text/plain", delivery_mode=2)
    tag = see.channel.basic_get(queue)[0].delivery_tag
    see.do("basic_reject", tag, requeue=False)
    see.get_when_there("dead", dead)
    see.publish(queue, b"2")
    tag = see.channel.basic_get(queue)[0].delivery_tag
    see.do("basic_nack", tag, requeue=False)
    see.get_when_there("dead", dead)


def expired_in_queue(see):
    queue, dead = _topology(see, "d-exp", **{"x-message-ttl": 50})
    see.publish(queue, b"1")
    see.get_when_there("dead", dead)
    see.publish(queue, b"2", expiration="20")
    see.get_when_there("dead by its own", dead)


def expired_by_itself(see):
    queue, dead = _topology(see, "d-exi")
    see.publish(queue, b"1", expiration="50")
    see.get_when_there("dead", dead)


def dropped(see):
    queue, dead = _topology(see, "d-max", **{"x-max-length": 1})
    see.publish(queue, b"1", b"2")
    see.get_when_there("dead", dead)
    queue, dead = _topology(see, "d-rpd", **{"x-max-length": 1, "x-overflow": "reject-publish-dlx"})
    see.publish(queue, b"1", b"2")
    see.get_when_there("refused and dead", dead)


def routing_key(see):
    queue, dead = _topology(see, "d-key", **{"x-dead-letter-routing-key": "other"})
    see.publish(queue, b"1", headers={"CC": ["cc-key"], "BCC": ["bcc-key"]})
    tag = see.channel.basic_get(queue)[0].delivery_tag
    see.do("basic_reject", tag, requeue=False)
    see.get_when_there("with another key", dead)
    queue, dead = _topology(see, "d-key2")
    see.publish(queue, b"1", headers={"CC": ["cc-key"], "BCC": ["bcc-key"]})
    tag = see.channel.basic_get(queue)[0].delivery_tag
    see.do("basic_reject", tag, requeue=False)
    see.get_when_there("with its own keys", dead)


def twice(see):
    """Through two queues: a second entry, the newest first; again through the first: its count."""
    see.do("queue_declare", "d-tw1", arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "d-tw2"})
    see.do("queue_declare", "d-tw2", arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "d-tw1"})
    see.publish("d-tw1", b"1")
    for step, queue in enumerate(["d-tw1", "d-tw2", "d-tw1", "d-tw2"]):
        deadline = time.monotonic() + 3
        while (found := see.channel.basic_get(queue))[0] is None and time.monotonic() < deadline:
            time.sleep(0.02)
        see.note(f"step {step}", found[1])
        see.channel.basic_reject(found[0].delivery_tag, requeue=False)
        see.channel.exchange_declare("amq.direct", passive=True)


def cycles(see):
    """An automatic circle drops the message; one with a rejection in it does not."""
    see.do("queue_declare", "d-cy", arguments={"x-dead-letter-exchange": "", "x-message-ttl": 30, "x-dead-letter-routing-key": "d-cy"})
    see.publish("d-cy", b"1")
    time.sleep(0.5)
    see.do("queue_declare", "d-cy", passive=True)
    see.do("queue_declare", "d-cz", arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "d-cz"})
    see.publish("d-cz", b"1")
    for _ in range(3):
        tag = see.get_when_there("round", "d-cz", auto_ack=False, properties=True)
        see.do("basic_reject", tag, requeue=False)


def given_headers(see):
    """x-death that a client made up."""
    queue, dead = _topology(see, "d-giv")
    for label, headers in [("text", {"x-death": "text"}), ("table", {"x-death": {"a": 1}}), ("list", {"x-death": [{"queue": "d-giv", "reason": "rejected", "count": 7, "exchange": "", "routing-keys": ["d-giv"]}]}), ("other list", {"x-death": [1, 2]})]:
        see.publish(queue, b"1", headers=headers)
        tag = see.channel.basic_get(queue)[0].delivery_tag
        see.do("basic_reject", tag, requeue=False, label=label)
        see.get_when_there(label, dead)


def nowhere(see):
    see.do("queue_declare", "d-now", arguments={"x-dead-letter-exchange": "d-does-not-exist"})
    see.publish("d-now", b"1")
    tag = see.channel.basic_get("d-now")[0].delivery_tag
    see.do("basic_reject", tag, requeue=False)
    see.do("queue_declare", "d-now", passive=True)


def purge_and_delete_are_no_death(see):
    queue, dead = _topology(see, "d-pur")
    see.publish(queue, b"1")
    see.do("queue_purge", queue)
    see.publish(queue, b"2")
    see.do("queue_delete", queue)
    see.do("queue_declare", dead, passive=True)


def own_exchange(see):
    """From a direct exchange with a key."""
    see.do("exchange_declare", "d-ox", "direct")
    queue, dead = _topology(see, "d-oq")
    see.do("queue_bind", queue, "d-ox", "a-key")
    see.channel.basic_publish("d-ox", "a-key", b"1", pika.BasicProperties(message_id="m"))
    tag = None
    deadline = time.monotonic() + 3
    while tag is None and time.monotonic() < deadline:
        method, _, _ = see.channel.basic_get(queue)
        tag = method and method.delivery_tag
    see.do("basic_reject", tag, requeue=False)
    see.get_when_there("dead", dead)


def quorum(see):
    kind = {"x-queue-type": "quorum"}
    see.do("queue_declare", "d-qd")
    see.do("queue_declare", "d-qq", durable=True, arguments=kind | {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "d-qd", "x-delivery-limit": 2})
    see.publish("d-qq", b"1", delivery_mode=2)
    for _ in range(3):
        tag = see.get_when_there("delivered", "d-qq", auto_ack=False)
        see.do("basic_nack", tag, requeue=True, label="nack")
    see.get_when_there("dead", "d-qd")
    see.do("queue_declare", "d-qq", passive=True)
