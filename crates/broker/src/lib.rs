//! Exchanges, queues, channels and the AMQP methods over them: deterministic, no sockets, no files, no clock.
