"""Starts, stops, kills and measures the servers that the black-box tests talk to.

`Warren` is the server under test; `Redis` and `RabbitMQ` are the peers whose behaviour it promises,
so that the same tests can run against them (`pytest --server redis`). Nothing here knows a command
or a method: that is what the tests are for.
"""

from harness.peers import RabbitMQ, Redis
from harness.process import Server, StartFailed
from harness.warren import Warren

SERVERS = {"warren": Warren, "redis": Redis, "rabbitmq": RabbitMQ}

__all__ = ["RabbitMQ", "Redis", "SERVERS", "Server", "StartFailed", "Warren"]
