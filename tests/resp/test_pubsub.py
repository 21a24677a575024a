"""SUBSCRIBE and its forms, in the shape of each protocol version."""

import pytest
from harness.resp import render, wait_until


def opening(protocol: int) -> str:
    return "push[" if protocol == 3 else "["


@pytest.mark.parametrize("protocol", [2, 3])
def test_messages_and_counts(connect, protocol):
    subscriber, publisher, start = connect(protocol), connect(), opening(protocol)
    subscriber.send("SUBSCRIBE", "a", "b")
    assert render(subscriber.read()) == start + '"subscribe", "a", 1]'
    assert render(subscriber.read()) == start + '"subscribe", "b", 2]'
    assert render(subscriber.command("PSUBSCRIBE", "a*")) == start + '"psubscribe", "a*", 3]'
    assert publisher.command("PUBLISH", "a", "hi").value == 2
    assert render(subscriber.read()) == start + '"message", "a", "hi"]'
    assert render(subscriber.read()) == start + '"pmessage", "a*", "a", "hi"]'
    assert publisher.command("PUBLISH", "b", "\x00\r\n").value == 1
    assert render(subscriber.read()) == start + '"message", "b", "\\x00\\r\\n"]'
    assert render(subscriber.command("UNSUBSCRIBE", "a")) == start + '"unsubscribe", "a", 2]'
    assert render(subscriber.command("PUNSUBSCRIBE")) == start + '"punsubscribe", "a*", 1]'
    assert render(subscriber.command("UNSUBSCRIBE")) == start + '"unsubscribe", "b", 0]'
    assert render(subscriber.command("UNSUBSCRIBE")) == start + '"unsubscribe", nil, 0]'
    assert render(subscriber.command("PUNSUBSCRIBE")) == start + '"punsubscribe", nil, 0]'
    assert render(subscriber.command("UNSUBSCRIBE", "never")) == start + '"unsubscribe", "never", 0]'
    assert publisher.command("PUBLISH", "a", "hi").value == 0


def test_what_a_resp2_subscriber_may_say(connect):
    subscriber = connect()
    subscriber.command("SUBSCRIBE", "c")
    assert render(subscriber.command("GET", "x")) == (
        "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
    )
    assert render(subscriber.command("PING")) == '["pong", ""]'
    assert render(subscriber.command("PING", "x")) == '["pong", "x"]'
    assert render(subscriber.command("UNSUBSCRIBE")) == '["unsubscribe", "c", 0]'
    assert render(subscriber.command("PING")) == "+PONG"
    subscriber.command("SUBSCRIBE", "c")
    assert render(subscriber.command("RESET")) == "+RESET"
    assert render(subscriber.command("GET", "x")) == "nil"


def test_a_resp3_subscriber_may_say_anything(connect):
    subscriber = connect(protocol=3)
    subscriber.command("SUBSCRIBE", "c")
    assert render(subscriber.command("SET", "x", "1")) == "+OK"
    assert render(subscriber.command("PING")) == "+PONG"
    # Its own message comes before the count of its receivers.
    subscriber.send("PUBLISH", "c", "own")
    assert render(subscriber.read()) == "1" or render(subscriber.read()) == "1"


@pytest.mark.parametrize(
    "pattern, channel, matches",
    [
        ("*", "anything", True),
        ("h?llo", "hello", True),
        ("h?llo", "hllo", False),
        ("h[ae]llo", "hallo", True),
        ("h[^e]llo", "hello", False),
        ("h[a-c]llo", "hbllo", True),
        ("a\\*b", "a*b", True),
        ("a\\*b", "axb", False),
    ],
)
def test_patterns(connect, pattern, channel, matches):
    subscriber, publisher = connect(), connect()
    subscriber.command("PSUBSCRIBE", pattern)
    assert publisher.command("PUBLISH", channel, "x").value == int(matches)


def test_messages_of_a_transaction_come_in_order(connect):
    subscriber, publisher = connect(), connect()
    subscriber.command("SUBSCRIBE", "c")
    publisher.command("MULTI")
    for number in range(3):
        publisher.command("PUBLISH", "c", number)
    assert render(publisher.command("EXEC")) == "[1, 1, 1]"
    for number in range(3):
        assert render(subscriber.read()) == f'["message", "c", "{number}"]'


def test_sharded_channels_are_channels_of_their_own(connect):
    subscriber, publisher = connect(), connect()
    assert render(subscriber.command("SSUBSCRIBE", "c")) == '["ssubscribe", "c", 1]'
    assert publisher.command("PUBLISH", "c", "x").value == 0
    assert publisher.command("SPUBLISH", "c", "x").value == 1
    assert render(subscriber.read()) == '["smessage", "c", "x"]'
    assert render(subscriber.command("SUNSUBSCRIBE", "c")) == '["sunsubscribe", "c", 0]'


def test_a_closed_subscriber_is_forgotten(connect):
    subscriber, publisher = connect(), connect()
    subscriber.command("SUBSCRIBE", "c")
    subscriber.close()
    wait_until(lambda: publisher.command("PUBLISH", "c", "x").value == 0, what="a channel without its subscriber")
    assert render(publisher.command("PUBSUB", "NUMSUB", "c")) == '["c", 0]'


def test_redis_py(client):
    with client.pubsub() as subscription:
        subscription.subscribe("news")
        subscription.psubscribe("n*")
        assert subscription.get_message(timeout=5)["type"] == "subscribe"
        assert subscription.get_message(timeout=5)["type"] == "psubscribe"
        assert client.publish("news", "hello") == 2
        received = [subscription.get_message(timeout=5) for _ in range(2)]
        assert [message["data"] for message in received] == ["hello", "hello"]
        assert {message["type"] for message in received} == {"message", "pmessage"}
