"""A durable work queue: persistent tasks, fair dispatch, acknowledgements, a worker that dies."""

import sys

import pika

port, queue = int(sys.argv[1]), sys.argv[2]
parameters = pika.ConnectionParameters(
    "localhost", port, "/", pika.PlainCredentials("guest", "guest"), heartbeat=60, blocked_connection_timeout=30
)

connection = pika.BlockingConnection(parameters)
channel = connection.channel()
channel.queue_declare(queue=queue, durable=True)
for number in range(10):
    channel.basic_publish(
        exchange="", routing_key=queue, body="task %d" % number, properties=pika.BasicProperties(delivery_mode=2)
    )
connection.close()


def work(answers):
    """Takes as many tasks as there are answers; a false answer is no answer, and the worker dies."""
    worker = pika.BlockingConnection(parameters)
    channel = worker.channel()
    channel.basic_qos(prefetch_count=1)
    left = list(answers)

    def callback(ch, method, properties, body):
        print("%s %s" % (body.decode(), "again" if method.redelivered else "new"))
        if left.pop(0):
            ch.basic_ack(delivery_tag=method.delivery_tag)
        if not left:
            ch.stop_consuming()

    tag = channel.basic_consume(callback, queue=queue)
    channel.start_consuming()
    if answers[-1]:
        channel.basic_cancel(tag)
    worker.close()


work([True, True, False])
work([True] * 8)
connection = pika.BlockingConnection(parameters)
print("left %d" % connection.channel().queue_declare(queue=queue, passive=True).method.message_count)
connection.close()
