"""What goes wrong, and with which exception a program of that time sees it."""

import sys

import pika

port, queue = int(sys.argv[1]), sys.argv[2]


def attempt(title, call):
    try:
        print("%s: %r" % (title, call()))
    except Exception as error:  # the program shows whatever comes
        print("%s: %s %s" % (title, type(error).__name__, " ".join(str(part) for part in error.args[:2])))


def connect(**parameters):
    return pika.BlockingConnection(pika.ConnectionParameters("localhost", port, **parameters))


attempt("password", lambda: connect(credentials=pika.PlainCredentials("guest", "wrong")))
attempt("vhost", lambda: connect(virtual_host="no-such-vhost"))

connection = connect(channel_max=10, frame_max=4096, locale="en_US")
connection.channel().queue_declare(queue=queue, durable=True)
attempt("mismatch", lambda: connection.channel().queue_declare(queue=queue, durable=False))
attempt("missing", lambda: connection.channel().queue_declare(queue="no-such-queue", passive=True))

channel = connection.channel()
channel.confirm_delivery()
attempt("confirmed", lambda: channel.basic_publish("", queue, "x" * 10000))
attempt("unroutable", lambda: channel.basic_publish("", "no-such-queue", "x", mandatory=True))
attempt("purged", lambda: channel.queue_purge(queue=queue).method.message_count)
attempt("deleted", lambda: channel.queue_delete(queue=queue, if_unused=True, if_empty=True).method.message_count)
connection.close()
