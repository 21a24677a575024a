"""Remote procedure call: a reply queue of the client's own and correlation ids."""

import sys
import threading
import uuid

import pika

port, queue = int(sys.argv[1]), sys.argv[2]


def serve(count):
    connection = pika.BlockingConnection(pika.ConnectionParameters("localhost", port))
    channel = connection.channel()
    channel.queue_declare(queue=queue)
    channel.basic_qos(prefetch_count=1)
    served = []

    def on_request(ch, method, props, body):
        ch.basic_publish(
            exchange="",
            routing_key=props.reply_to,
            properties=pika.BasicProperties(correlation_id=props.correlation_id),
            body=str(int(body) ** 2),
        )
        ch.basic_ack(delivery_tag=method.delivery_tag)
        served.append(body)
        if len(served) == count:
            ch.stop_consuming()

    channel.basic_consume(on_request, queue=queue)
    channel.start_consuming()
    connection.close()


server = threading.Thread(target=serve, args=(5,))
server.start()

connection = pika.BlockingConnection(pika.ConnectionParameters("localhost", port))
channel = connection.channel()
channel.queue_declare(queue=queue)
replies = {}
callback_queue = channel.queue_declare(exclusive=True).method.queue
channel.basic_consume(
    lambda ch, method, props, body: replies.__setitem__(props.correlation_id, body), no_ack=True, queue=callback_queue
)
for number in range(5):
    correlation_id = str(uuid.uuid4())
    channel.basic_publish(
        exchange="",
        routing_key=queue,
        properties=pika.BasicProperties(reply_to=callback_queue, correlation_id=correlation_id),
        body=str(number),
    )
    while correlation_id not in replies:
        connection.process_data_events()
    print("%d -> %s" % (number, replies[correlation_id].decode()))
server.join()
connection.close()
