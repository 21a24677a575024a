//! AMQP 0-9-1 bytes: frames, methods, field tables, properties, reply codes. No sockets, no broker.
