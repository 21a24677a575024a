"""What the broker's tests share on the client's side: deliveries through pika, and bare frames.

A package of its own, not part of `tests/amqp`, whose name would hide the library of that name.
"""
