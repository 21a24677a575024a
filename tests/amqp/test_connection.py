"""Opening, tuning and closing connections and channels, with pika's ConnectionParameters."""

import time

import pika
import pytest

from amqp_client.deliveries import channel_closed, connection_closed, get_all, publish


def test_opens_with_defaults(connect):
    connection = connect()
    assert connection.is_open
    assert connection.channel().is_open


def test_server_properties_advertise_what_the_broker_can_do(connection):
    properties = connection._impl.server_properties
    for capability in (
        "publisher_confirms",
        "exchange_exchange_bindings",
        "basic.nack",
        "consumer_cancel_notify",
        "connection.blocked",
        "consumer_priorities",
        "authentication_failure_close",
        "per_consumer_qos",
        "direct_reply_to",
    ):
        assert properties["capabilities"][capability] is True, capability
    for key in ("product", "version", "platform", "copyright", "information"):
        assert properties[key], key


@pytest.mark.parametrize(
    "parameters",
    [
        {"virtual_host": "/"},
        {"channel_max": 1},
        {"channel_max": 2047},
        {"frame_max": 4096},
        {"frame_max": 131072},
        {"heartbeat": 0},
        {"heartbeat": 1},
        {"heartbeat": 600},
        {"locale": "en_US"},
        {"blocked_connection_timeout": 5},
        {"client_properties": {"connection_name": "orders", "nested": {"list": [1, "two", None]}}},
        {"connection_attempts": 2, "retry_delay": 0, "socket_timeout": 5, "stack_timeout": 5},
    ],
    ids=lambda parameters: "-".join(f"{key}" for key in parameters),
)
def test_connection_parameters(connect, name, parameters):
    channel = connect(**parameters).channel()
    queue = name()
    channel.queue_declare(queue, exclusive=True)
    body = b"x" * 20_000
    publish(channel, queue, body)
    assert [delivery.body for delivery in get_all(channel, queue)] == [body]


def test_url_parameters(amqp_server):
    parameters = pika.URLParameters(f"amqp://guest:guest@127.0.0.1:{amqp_server.amqp_port}/%2F?heartbeat=30")
    connection = pika.BlockingConnection(parameters)
    assert connection.channel().is_open
    connection.close()


def test_heartbeat_is_negotiated_to_what_the_client_asks(connect):
    assert connect(heartbeat=7)._impl.params.heartbeat == 7


def test_heartbeat_of_the_server_is_sixty_seconds(connect):
    offered = []
    connect(heartbeat=lambda _connection, server_value: offered.append(server_value) or server_value)
    assert offered == [60]


@pytest.mark.parametrize(
    "credentials",
    [
        pika.PlainCredentials("guest", "wrong"),
        pika.PlainCredentials("nobody", "guest"),
        pika.PlainCredentials("", ""),
        pika.PlainCredentials("guest", "gu\N{SNOWMAN}st"),
    ],
    ids=["wrong password", "unknown user", "empty", "not ASCII"],
)
def test_bad_credentials(connect, credentials):
    with pytest.raises(pika.exceptions.ProbableAuthenticationError) as caught:
        connect(credentials=credentials)
    assert "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN" in str(caught.value)


def test_unknown_vhost(connect):
    with pytest.raises(pika.exceptions.ProbableAccessDeniedError) as caught:
        connect(virtual_host="no-such-vhost")
    assert "(530) 'NOT_ALLOWED - vhost no-such-vhost not found'" in str(caught.value)


def test_many_connections(connect):
    connections = [connect() for _ in range(50)]
    for connection in connections:
        assert connection.channel().is_open


def test_many_channels(connect):
    connection = connect(channel_max=200)
    channels = [connection.channel() for _ in range(200)]
    assert [channel.channel_number for channel in channels] == list(range(1, 201))


def test_channel_number_given_by_the_client(connection):
    assert connection.channel(17).channel_number == 17


def test_a_channel_number_is_used_again_after_close(connection, name):
    for _ in range(5):
        channel = connection.channel(3)
        channel.queue_declare(name(), exclusive=True)
        channel.close()


def test_a_channel_number_is_used_again_after_an_error(connection, name):
    for _ in range(5):
        missing = name()
        with channel_closed(404, f"NOT_FOUND - no queue '{missing}' in vhost '/'"):
            connection.channel(3).queue_declare(missing, passive=True)
    connection.channel(3).queue_declare(name(), exclusive=True)


def test_an_error_on_one_channel_leaves_the_others_alone(connection, name):
    good, bad, queue = connection.channel(), connection.channel(), name()
    good.queue_declare(queue)
    with channel_closed(404, f"NOT_FOUND - no exchange '{queue}' in vhost '/'"):
        bad.exchange_declare(queue, passive=True)
    publish(good, queue, b"still here")
    assert len(get_all(good, queue)) == 1


def test_channel_flow(channel):
    """RabbitMQ answers a request to stop with 540, so does its successor; `active=true` is fine."""
    assert channel.flow(True) is True


def test_channel_flow_to_stop_is_not_implemented(channel):
    with connection_closed(540, "NOT_IMPLEMENTED - active=false"):
        channel.flow(False)


def test_immediate_is_not_implemented(connection, channel, queue):
    impl = channel._impl
    impl._send_method(pika.spec.Basic.Publish(exchange="", routing_key=queue, immediate=True),
                      (pika.BasicProperties(), b""))
    with connection_closed(540, "NOT_IMPLEMENTED - immediate=true"):
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            connection.process_data_events(time_limit=0.1)


def test_an_idle_connection_with_heartbeats_stays_open(connect):
    connection = connect(heartbeat=1)
    channel = connection.channel()
    connection.sleep(3.5)
    assert channel.is_open
    channel.queue_declare("", exclusive=True)


def test_a_connection_that_stops_its_heartbeats_is_closed(connect):
    connection = connect(heartbeat=1)
    time.sleep(4.5)  # pika sends heartbeats only while it is served
    with pytest.raises((pika.exceptions.ConnectionClosed, pika.exceptions.AMQPConnectionError)):
        connection.process_data_events()
        connection.channel()
