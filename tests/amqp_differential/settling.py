"""Acks, nacks, rejects, recover: unknown tags, multiple, order after a requeue, the redelivered mark."""


def unknown_tags(see):
    see.do("queue_declare", "d-a")
    see.do("basic_ack", 1)
    see.do("basic_nack", 1)
    see.do("basic_reject", 1)
    see.do("basic_ack", 0)
    see.do("basic_ack", 0, multiple=True)
    see.do("basic_nack", 0, multiple=True)
    see.do("basic_ack", 5, multiple=True)
    see.publish("d-a", b"1")
    see.channel.basic_get("d-a")
    see.do("basic_ack", 5, multiple=True, label="multiple above the last")
    see.publish("d-a", b"2")
    see.channel.basic_get("d-a")
    see.do("basic_ack", 1, label="right")
    see.do("basic_ack", 1, label="twice")
    see.publish("d-a", b"3")
    see.channel.basic_get("d-a", auto_ack=True)
    see.do("basic_ack", 1, label="of a message without ack")
    see.do("basic_reject", 0)


def multiple(see):
    see.do("queue_declare", "d-m")
    see.publish("d-m", b"1", b"2", b"3", b"4", b"5")
    for _ in range(5):
        see.channel.basic_get("d-m")
    see.do("basic_ack", 2, multiple=True)
    see.do("basic_nack", 4, multiple=True, requeue=True)
    see.do("queue_declare", "d-m", passive=True)
    see.get_all("back", "d-m")
    see.do("basic_ack", 0, multiple=True)
    see.do("basic_ack", 0, multiple=True)


def requeue_order(see):
    see.do("queue_declare", "d-o")
    see.publish("d-o", b"1", b"2", b"3", b"4", b"5")
    tags = [see.channel.basic_get("d-o")[0].delivery_tag for _ in range(4)]
    see.do("basic_reject", tags[2], requeue=True)
    see.do("basic_nack", tags[0], requeue=True)
    see.do("basic_nack", tags[3], requeue=False)
    see.get_all("order", "d-o", ack=False)
    see.do("basic_nack", 0, multiple=True, requeue=True)
    see.get_all("order again", "d-o")


def recover(see):
    see.do("queue_declare", "d-r")
    see.publish("d-r", b"1", b"2", b"3")
    inbox = []
    see.consume("d-r", inbox, consumer_tag="t")
    see.serve(until=lambda: len(inbox) == 3)
    see.note("first", inbox)
    see.do("basic_recover", requeue=True)
    see.serve(until=lambda: len(inbox) == 6)
    see.note("again", inbox[3:])
    see.do("basic_ack", inbox[0][1], label="ack of an old tag")


def channel_close_requeues(see):
    see.do("queue_declare", "d-cc")
    see.publish("d-cc", b"1", b"2")
    other = see.connection.channel()
    other.basic_get("d-cc")
    other.basic_get("d-cc")
    other.close()
    see.get_all("back", "d-cc")


def connection_close_requeues(see):
    see.do("queue_declare", "d-cn")
    see.publish("d-cn", b"1", b"2")
    connection = see.connect()
    other = connection.channel()
    other.basic_get("d-cn")
    connection.close()
    see.serve(0.2)
    see.get_all("back", "d-cn")


def tags_are_of_the_channel(see):
    see.do("queue_declare", "d-t")
    see.publish("d-t", b"1", b"2")
    one, two = see.connection.channel(), see.connection.channel()
    see.note("one", one.basic_get("d-t"))
    see.note("two", two.basic_get("d-t"))
