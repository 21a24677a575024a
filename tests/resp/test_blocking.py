"""Commands that wait: for whom, how long, and who is served first."""

import time

import pytest
from harness.resp import NIL, NIL_ARRAY, Reply, parse, render, wait_until

WAITS = [
    # The command, what another client then does, what the waiting one gets.
    (["BLPOP", "k", "0"], ["RPUSH", "k", "a"], '["k", "a"]'),
    (["BRPOP", "k", "0"], ["LPUSH", "k", "a"], '["k", "a"]'),
    (["BLPOP", "none", "k", "5"], ["RPUSH", "k", "a", "b"], '["k", "a"]'),
    (["BRPOP", "none", "k", "5"], ["RPUSH", "k", "a", "b"], '["k", "b"]'),
    (["BLMOVE", "k", "to", "LEFT", "RIGHT", "0"], ["RPUSH", "k", "a"], '"a"'),
    (["BRPOPLPUSH", "k", "to", "0"], ["RPUSH", "k", "a"], '"a"'),
    (["BLMPOP", "0", "2", "none", "k", "LEFT", "COUNT", "2"], ["RPUSH", "k", "a", "b", "c"], '["k", ["a", "b"]]'),
    (["BLMPOP", "0", "1", "k", "RIGHT"], ["RPUSH", "k", "a", "b"], '["k", ["b"]]'),
    (["BZPOPMIN", "k", "0"], ["ZADD", "k", "1", "a", "2", "b"], '["k", "a", "1"]'),
    (["BZPOPMAX", "none", "k", "0"], ["ZADD", "k", "1", "a", "2", "b"], '["k", "b", "2"]'),
    (["BZMPOP", "0", "1", "k", "MIN"], ["ZADD", "k", "1.5", "a"], '["k", [["a", "1.5"]]]'),
    (["BLPOP", "k", "0"], ["LINSERT", "k", "BEFORE", "x", "a"], None),
    (["BLPOP", "k", "0"], ["SADD", "k", "a"], None),
    (["BLPOP", "k", "0"], ["SET", "k", "a"], None),
    (["BLPOP", "k", "0"], ["LMOVE", "source", "k", "LEFT", "LEFT"], '["k", "s"]'),
    (["BLPOP", "k", "0"], ["RENAME", "source", "k"], '["k", "s"]'),
    (["BLPOP", "k", "0"], ["COPY", "source", "k"], '["k", "s"]'),
    (["BZPOPMIN", "k", "0"], ["ZUNIONSTORE", "k", "1", "zsource"], '["k", "m", "7"]'),
    (["BZPOPMIN", "k", "0"], ["ZINCRBY", "k", "2", "a"], '["k", "a", "2"]'),
]


def block(server, connection, *command):
    """Sends the command and waits until the server counts one more blocked client."""
    before = blocked_clients(server)
    connection.send(*command)
    wait_until(lambda: blocked_clients(server) > before, what=f"{command} to block")


def blocked_clients(server) -> int:
    text = server.command("INFO", "clients").value
    line = next(line for line in text.splitlines() if line.startswith(b"blocked_clients:"))
    return int(line.split(b":")[1])


@pytest.fixture
def other(connect):
    connection = connect()
    connection.command("RPUSH", "source", "s")
    connection.command("ZADD", "zsource", "7", "m")
    return connection


@pytest.mark.parametrize("waiting, waking, expected", WAITS, ids=[f"{w[0][0]} {w[1][0]}" for w in WAITS])
def test_a_write_wakes_who_waits_for_it(connect, other, waiting, waking, expected):
    connection = connect()
    block(other, connection, *waiting)
    answer = other.command(*waking)
    assert not answer.is_error, answer
    if expected is None:
        assert connection.says_nothing()
    else:
        assert render(connection.read()) == expected


@pytest.mark.parametrize("command", [["BLPOP", "k"], ["BRPOP", "k", "l"], ["BZPOPMIN", "k"], ["BZPOPMAX", "k"]])
@pytest.mark.parametrize("seconds", [0.05, 0.2, 1])
def test_a_timeout_is_kept(connect, command, seconds):
    connection = connect()
    start = time.monotonic()
    assert connection.command(*command, str(seconds)) == NIL_ARRAY
    waited = time.monotonic() - start
    assert seconds * 0.95 <= waited <= seconds + 0.3


@pytest.mark.parametrize(
    "command",
    [
        ["BLMOVE", "k", "l", "LEFT", "LEFT", "0.05"],
        ["BRPOPLPUSH", "k", "l", "0.05"],
        ["BLMPOP", "0.05", "1", "k", "LEFT"],
        ["BZMPOP", "0.05", "1", "k", "MIN"],
    ],
)
def test_what_a_timeout_answers(connect, command):
    assert connect().command(*command) == NIL_ARRAY
    assert connect(protocol=3).command(*command) == NIL


def test_first_blocked_first_served(connect, other):
    waiting = [connect() for _ in range(5)]
    for connection in waiting:
        block(other, connection, "BLPOP", "k", "0")
    other.command("RPUSH", "k", "0", "1", "2")
    for at, connection in enumerate(waiting[:3]):
        assert render(connection.read()) == f'["k", "{at}"]'
    assert waiting[3].says_nothing(0.05)
    other.command("RPUSH", "k", "3", "4", "5")
    for at, connection in enumerate(waiting[3:], start=3):
        assert render(connection.read()) == f'["k", "{at}"]'
    assert other.command("LRANGE", "k", "0", "-1") == parse('["5"]')


def test_who_goes_away_loses_its_place(connect, other):
    first, second = connect(), connect()
    block(other, first, "BLPOP", "k", "0")
    block(other, second, "BLPOP", "k", "0")
    first.close()
    wait_until(lambda: blocked_clients(other) == 1, what="the closed client to be forgotten")
    other.command("RPUSH", "k", "a")
    assert render(second.read()) == '["k", "a"]'


def test_the_first_key_with_elements_wins_in_the_order_of_the_command(connect, other):
    connection = connect()
    block(other, connection, "BLPOP", "one", "two", "0")
    other.send_bytes(b"MULTI\r\nRPUSH two 2\r\nRPUSH one 1\r\nEXEC\r\n")
    for _ in range(4):
        other.read()
    assert render(connection.read()) in ('["one", "1"]', '["two", "2"]')
    assert connection.command("BLPOP", "one", "two", "0").kind == "*"


def test_elements_gone_within_the_transaction_wake_nobody(connect, other):
    connection = connect()
    block(other, connection, "BLPOP", "k", "0")
    for words in (["MULTI"], ["RPUSH", "k", "a"], ["DEL", "k"]):
        other.command(*words)
    assert render(other.command("EXEC")) == "[1, 1]"
    assert connection.says_nothing()
    other.command("RPUSH", "k", "b")
    assert render(connection.read()) == '["k", "b"]'


def test_a_chain_of_moves(connect, other):
    first, second = connect(), connect()
    block(other, first, "BLMOVE", "a", "b", "LEFT", "LEFT", "0")
    block(other, second, "BLMOVE", "b", "c", "LEFT", "LEFT", "0")
    other.command("RPUSH", "a", "x")
    assert first.read() == second.read() == Reply("$", b"x")
    assert render(other.command("LRANGE", "c", "0", "-1")) == '["x"]'


def test_a_move_to_a_key_of_another_type_fails_when_it_wakes(connect, other):
    connection = connect()
    other.command("SET", "to", "text")
    block(other, connection, "BLMOVE", "k", "to", "LEFT", "LEFT", "0")
    other.command("RPUSH", "k", "a")
    assert render(connection.read()).startswith("-WRONGTYPE")
    assert render(other.command("LRANGE", "k", "0", "-1")) == '["a"]'


def test_commands_sent_behind_a_blocking_one_wait_for_it(connect, other):
    connection = connect()
    block(other, connection, "BLPOP", "k", "0")
    connection.send("PING")
    assert connection.says_nothing()
    other.command("RPUSH", "k", "a")
    assert render(connection.read()) == '["k", "a"]'
    assert render(connection.read()) == "+PONG"


@pytest.mark.parametrize(
    "words, expected",
    [([], "nil*"), (["TIMEOUT"], "nil*"), (["ERROR"], "-UNBLOCKED client unblocked via CLIENT UNBLOCK")],
)
def test_client_unblock(connect, other, words, expected):
    connection = connect()
    number = connection.command("CLIENT", "ID").value
    block(other, connection, "BLPOP", "k", "0")
    assert other.command("CLIENT", "UNBLOCK", number, *words).value == 1
    assert render(connection.read()) == expected
    assert other.command("CLIENT", "UNBLOCK", number).value == 0


def test_other_databases_wake_nobody(connect, other):
    connection = connect()
    block(other, connection, "BLPOP", "k", "0")
    other.command("SELECT", "1")
    other.command("RPUSH", "k", "a")
    assert connection.says_nothing()
    other.command("SWAPDB", "0", "1")
    assert render(connection.read()) == '["k", "a"]'
