"""What RESP tests ask for: an empty server, bare connections of either protocol, redis-py clients."""

import pytest
import redis
from harness.resp import Connection


@pytest.fixture
def empty_server(resp_server):
    with Connection(resp_server.resp_port) as connection:
        connection.command("FLUSHALL")
    return resp_server


@pytest.fixture
def connect(empty_server):
    """`connect(protocol=3)`: a bare connection to the empty shared server, closed at the end."""
    opened = []

    def make(protocol: int = 2, timeout: float = 10) -> Connection:
        opened.append(Connection(empty_server.resp_port, protocol, timeout))
        return opened[-1]

    yield make
    for connection in opened:
        connection.close()


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def client(empty_server, request):
    """redis-py as programs use it, in both protocol versions."""
    with redis.Redis(port=empty_server.resp_port, protocol=request.param, decode_responses=True) as made:
        yield made
