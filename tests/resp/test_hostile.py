"""Clients that mean no good, or are broken: the server stays up, answers others, and keeps its memory."""

import random
import socket

import pytest
from harness.resp import Connection, encode, render, wait_until

MEGABYTE = 1 << 20


@pytest.fixture
def server(new_server):
    return new_server()


def assert_alive(server) -> None:
    with Connection(server.resp_port) as connection:
        assert render(connection.command("PING")) == "+PONG"


def test_announced_but_never_sent(server):
    """Headers that promise much, sent by many connections that then say nothing."""
    before = server.rss_bytes()
    promises = [b"*1000000\r\n", b"*2\r\n$3\r\nGET\r\n$536870912\r\n", b"*1\r\n$1000000\r\nabc", b"*1"]
    connections = [socket.create_connection(("127.0.0.1", server.resp_port)) for _ in range(200)]
    for number, connection in enumerate(connections):
        connection.sendall(promises[number % len(promises)])
    assert_alive(server)
    assert server.rss_bytes() - before < 100 * MEGABYTE
    for connection in connections:
        connection.close()
    assert_alive(server)


def test_random_bytes(server):
    chance = random.Random(3)
    pieces = [b"*3\r\n", b"$3\r\n", b"SET", b"\r\n", b"$-1\r\n", b"*-5\r\n", b"PING\r\n", b"\x00", b'"', b"$99999\r\n", b":1\r\n"]
    for _ in range(300):
        with socket.create_connection(("127.0.0.1", server.resp_port)) as connection:
            data = b"".join(chance.choice([*pieces, chance.randbytes(5)]) for _ in range(chance.randint(1, 30)))
            try:
                connection.sendall(data)
            except OSError:
                pass
    assert_alive(server)
    assert server.is_running()


@pytest.mark.warren_only
def test_a_client_that_asks_and_never_reads(server):
    """Its replies pile up only to a bound, for it is read no further; others go on."""
    with Connection(server.resp_port) as setup:
        setup.command("SET", "big", "x" * MEGABYTE)
    before = server.rss_bytes()
    with socket.create_connection(("127.0.0.1", server.resp_port)) as greedy:
        greedy.settimeout(1)
        try:
            for _ in range(300):
                greedy.sendall(encode("GETRANGE", "big", 1, -1))
        except OSError:
            pass
        assert_alive(server)
        assert server.rss_bytes() - before < 200 * MEGABYTE


def test_a_subscriber_that_never_reads_is_disconnected(server):
    with Connection(server.resp_port) as subscriber, Connection(server.resp_port) as publisher:
        subscriber.command("SUBSCRIBE", "c")
        before = server.rss_bytes()
        sent = 0
        while publisher.command("PUBLISH", "c", "x" * MEGABYTE).value == 1:
            sent += 1
            assert sent < 200, "it is still fed"
        assert server.rss_bytes() - before < 150 * MEGABYTE


def test_many_connections_come_and_go(server):
    for _ in range(5):
        connections = [socket.create_connection(("127.0.0.1", server.resp_port)) for _ in range(200)]
        for connection in connections[::2]:
            connection.sendall(encode("BLPOP", "k", "0"))
        for connection in connections:
            connection.close()
    with Connection(server.resp_port) as connection:
        assert render(connection.command("RPUSH", "k", "a")) == "1"
        wait_until(
            lambda: b"connected_clients:1\r" in connection.command("INFO", "clients").value,
            what="a count without the closed connections",
        )
