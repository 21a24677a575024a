"""Publish and subscribe: fanout, direct and topic exchanges with queues the server names."""

import sys

import pika

port, stem = int(sys.argv[1]), sys.argv[2]

connection = pika.BlockingConnection(pika.ConnectionParameters(host="localhost", port=port))
channel = connection.channel()
channel.confirm_delivery()


def subscribe(exchange, *keys):
    queue = channel.queue_declare(exclusive=True).method.queue
    for key in keys:
        channel.queue_bind(exchange=exchange, queue=queue, routing_key=key)
    return queue


def show(title, queue):
    bodies = []
    while True:
        method, properties, body = channel.basic_get(queue, no_ack=True)
        if method is None:
            break
        bodies.append(body.decode())
    print("%s: %s" % (title, " ".join(bodies)))


for kind in ("fanout", "direct", "topic"):
    channel.exchange_declare(exchange=stem + kind, exchange_type=kind)
queues = [
    ("fanout 1", subscribe(stem + "fanout", "")),
    ("fanout 2", subscribe(stem + "fanout", "")),
    ("errors", subscribe(stem + "direct", "error")),
    ("all", subscribe(stem + "direct", "info", "error")),
    ("kernel", subscribe(stem + "topic", "kern.*")),
    ("critical", subscribe(stem + "topic", "*.critical")),
    ("everything", subscribe(stem + "topic", "#")),
]
for key in ("info", "error"):
    channel.basic_publish(exchange=stem + "fanout", routing_key="", body=key)
    channel.basic_publish(exchange=stem + "direct", routing_key=key, body=key)
for key in ("kern.info", "kern.critical", "cron.critical", "other"):
    channel.basic_publish(exchange=stem + "topic", routing_key=key, body=key)
for title, queue in queues:
    show(title, queue)
for kind in ("fanout", "direct", "topic"):
    channel.exchange_delete(exchange=stem + kind)
connection.close()
