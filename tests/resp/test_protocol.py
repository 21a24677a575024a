"""The bytes themselves: inline commands, pipelines, pieces, wrong input, large values."""

import time

import pytest
from harness.resp import encode, render


@pytest.mark.parametrize(
    "line, expected",
    [
        (b"PING\r\n", "+PONG"),
        (b"PING\n", "+PONG"),
        (b"  ping  \r\n", "+PONG"),
        (b"SET key value\r\n", "+OK"),
        (b'ECHO "hello world"\r\n', '"hello world"'),
        (b"ECHO 'single \\' quoted'\r\n", "\"single ' quoted\""),
        (b'ECHO "a\\x41\\n\\"b"\r\n', '"aA\\n\\"b"'),
        (b"ECHO ''\r\n", '""'),
        (b"\r\nPING\r\n", "+PONG"),
        (b"*0\r\nPING\r\n", "+PONG"),
        (b"*-1\r\nPING\r\n", "+PONG"),
    ],
)
def test_inline_commands(connect, line, expected):
    connection = connect()
    connection.send_bytes(line)
    assert render(connection.read()) == expected


@pytest.mark.parametrize(
    "data, error",
    [
        (b"*1\r\n$abc\r\n", "invalid bulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$536870913\r\n", "invalid bulk length"),
        (b"*1\r\n$99999999999999999999\r\n", "invalid bulk length"),
        (b"*abc\r\n", "invalid multibulk length"),
        (b"*99999999999999999999\r\n", "invalid multibulk length"),
        (b"*2147483648\r\n", "invalid multibulk length"),
        (b"*1\r\n:3\r\n", "expected '$', got ':'"),
        (b"*2\r\n$3\r\nGET\r\nkey\r\n", "expected '$', got 'k'"),
        (b'ECHO "unbalanced\r\n', "unbalanced quotes in request"),
        (b"ECHO 'a'b\r\n", "unbalanced quotes in request"),
        (b"x" * 70_000, "too big inline request"),
        (b"*" + b"1" * 70_000, "too big mbulk count string"),
        (b"*1\r\n$" + b"1" * 70_000, "too big bulk count string"),
    ],
)
def test_protocol_errors(connect, data, error):
    connection = connect()
    connection.send_bytes(data)
    assert connection.read_until_closed() == f"-ERR Protocol error: {error}\r\n".encode()
    assert render(connect().command("PING")) == "+PONG"


def test_replies_before_a_protocol_error_still_come(connect):
    connection = connect()
    connection.send_bytes(encode("SET", "k", "v") + encode("GET", "k") + b"*1\r\n!\r\n")
    assert connection.read_until_closed() == b"+OK\r\n$1\r\nv\r\n-ERR Protocol error: expected '$', got '!'\r\n"


def test_a_command_byte_by_byte(connect):
    connection = connect()
    for byte in encode("SET", "key", "va\r\nlue") + encode("GET", "key"):
        connection.send_bytes(bytes([byte]))
    assert render(connection.read()) == "+OK"
    assert render(connection.read()) == '"va\\r\\nlue"'


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_long_pipeline_answers_in_order(connect, protocol):
    connection, count = connect(protocol, timeout=30), 20_000
    connection.send_bytes(b"".join(encode("ECHO", number) for number in range(count)))
    for number in range(count):
        assert connection.read().value == str(number).encode()


def test_errors_in_a_pipeline_stop_nothing(connect):
    connection = connect()
    connection.send_bytes(encode("SET", "k", "v") + encode("INCR", "k") + encode("NOSUCH") + encode("GET", "k"))
    assert [render(connection.read())[:5] for _ in range(4)] == ["+OK", "-ERR ", "-ERR ", '"v"']


@pytest.mark.parametrize("size", [15_000, 16_384, 16_385, 65_536, 1 << 20, 32 << 20])
def test_large_values(connect, size):
    connection, value = connect(timeout=30), bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert render(connection.command("SET", "big", value)) == "+OK"
    assert connection.command("GET", "big").value == value
    assert connection.command("STRLEN", "big").value == size
    assert connection.command("GETRANGE", "big", size - 5, -1).value == value[-5:]
    assert connection.command("APPEND", "big", "tail").value == size + 4
    assert connection.command("SETRANGE", "big", 1, "?").value == size + 4
    assert connection.command("GET", "big").value == value[:1] + b"?" + value[2:] + b"tail"


def test_a_large_value_in_a_container(connect):
    connection, value = connect(timeout=30), b"y" * (1 << 20)
    connection.command("RPUSH", "list", value, "small")
    assert connection.command("LRANGE", "list", 0, -1).value[0].value == value
    connection.command("HSET", "hash", "field", value)
    assert connection.command("HGET", "hash", "field").value == value


def test_a_slow_reader_of_a_large_reply(connect):
    slow, other, value = connect(timeout=30), connect(), b"z" * (8 << 20)
    slow.command("SET", "big", value)
    for _ in range(4):
        slow.send("GET", "big")
    time.sleep(0.2)
    assert render(other.command("PING")) == "+PONG"
    for _ in range(4):
        assert slow.read().value == value


def test_many_arguments(connect):
    connection = connect(timeout=30)
    words = [f"member{number}" for number in range(50_000)]
    assert connection.command("SADD", "s", *words).value == 50_000
    assert len(connection.command("SMEMBERS", "s").value) == 50_000


def test_hello_changes_the_replies_at_once(connect):
    connection = connect()
    connection.command("HSET", "h", "f", "v")
    hello = connection.command("HELLO", "3")
    assert hello.kind == "%"
    fields = {name.value: held for name, held in zip(hello.value[::2], hello.value[1::2], strict=True)}
    assert fields[b"server"].value == b"redis"
    assert fields[b"proto"].value == 3
    assert fields[b"role"].value == b"master"
    assert render(connection.command("HGETALL", "h")) == '{"f": "v"}'
    assert connection.command("HELLO", "2").kind == "*"
    assert render(connection.command("HGETALL", "h")) == '["f", "v"]'
    assert connection.command("HELLO").kind == "*"


def test_hello_sets_the_name(connect):
    connection = connect()
    assert connection.command("HELLO", "3", "SETNAME", "me").kind == "%"
    assert render(connection.command("CLIENT", "GETNAME")) == '"me"'


def test_quit_closes_after_its_reply(connect):
    connection = connect()
    connection.send_bytes(encode("PING") + encode("QUIT") + encode("PING"))
    assert connection.read_until_closed() == b"+PONG\r\n+OK\r\n"


def test_client_reply_off_and_skip(connect):
    connection = connect()
    connection.send_bytes(encode("CLIENT", "REPLY", "OFF") + encode("PING") + encode("CLIENT", "REPLY", "ON"))
    assert render(connection.read()) == "+OK"
    connection.send_bytes(encode("CLIENT", "REPLY", "SKIP") + encode("PING") + encode("ECHO", "x"))
    assert render(connection.read()) == '"x"'


def test_client_kill_closes_the_other(connect):
    victim, killer = connect(), connect()
    number = victim.command("CLIENT", "ID").value
    assert killer.command("CLIENT", "KILL", "ID", number).value == 1
    assert victim.read_until_closed() == b""
    assert render(killer.command("CLIENT", "LIST", "ID", number)) == '""'
