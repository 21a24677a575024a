"""Hello, world: one message there and back without acknowledgement."""

import sys

import pika

port, queue = int(sys.argv[1]), sys.argv[2]

connection = pika.BlockingConnection(pika.ConnectionParameters("localhost", port))
channel = connection.channel()
channel.queue_declare(queue=queue)
channel.basic_publish(exchange="", routing_key=queue, body="Hello World!")
connection.close()

connection = pika.BlockingConnection(pika.ConnectionParameters("localhost", port))
channel = connection.channel()
channel.queue_declare(queue=queue)


def callback(ch, method, properties, body):
    print("Received %r" % body)
    ch.stop_consuming()


channel.basic_consume(callback, queue=queue, no_ack=True)
channel.start_consuming()
connection.close()
