"""One resource after the other: exchanges, bindings, connections, channels, consumers, virtual hosts, nodes."""

import uuid

import pika
import pytest


@pytest.fixture
def exchange(channel):
    exchange = f"exchange-{uuid.uuid4().hex[:12]}"
    channel.exchange_declare(exchange, "topic", durable=True, arguments={"alternate-exchange": "amq.fanout"})
    yield exchange
    channel.exchange_delete(exchange)


@pytest.fixture
def named_connection(amqp_server):
    """A connection with a name of its own; answers that name and its one channel."""
    name = f"connection-{uuid.uuid4().hex[:12]}"
    parameters = pika.ConnectionParameters(
        "127.0.0.1", amqp_server.amqp_port, client_properties={"connection_name": name}, heartbeat=30
    )
    connection = pika.BlockingConnection(parameters)
    yield name, connection.channel()
    connection.close()


def test_whoami(http):
    found = http("/api/whoami").json()
    assert (found["name"], found["tags"]) == ("guest", ["administrator"])


def test_exchanges(http, exchange):
    for path in ("/api/exchanges", "/api/exchanges/%2F"):
        names = [row["name"] for row in http(path).json()]
        assert {"", "amq.direct", "amq.topic", exchange} <= set(names)
    found = http(f"/api/exchanges/%2F/{exchange}").json()
    expected = {
        "name": exchange,
        "vhost": "/",
        "type": "topic",
        "durable": True,
        "auto_delete": False,
        "internal": False,
        "arguments": {"alternate-exchange": "amq.fanout"},
    }
    assert {key: found[key] for key in expected} == expected
    assert http("/api/exchanges/%2F/amq.default").json()["name"] == ""
    assert http("/api/exchanges/%2F/no-such-exchange").status == 404
    assert http("/api/exchanges/no-such-vhost").status == 404


def test_bindings(http, channel, queue, exchange):
    channel.queue_bind(queue, exchange, "orders.*")
    channel.queue_bind(queue, exchange, "", arguments={"x": 1})
    binding = {
        "source": exchange,
        "vhost": "/",
        "destination": queue,
        "destination_type": "queue",
        "routing_key": "orders.*",
        "arguments": {},
        "properties_key": "orders.*",
    }
    default = {**binding, "source": "", "routing_key": queue, "properties_key": queue}
    rows = http("/api/bindings/%2F").json()
    assert binding in rows and default in rows
    of_queue = http(f"/api/queues/%2F/{queue}/bindings").json()
    assert len(of_queue) == 3 and binding in of_queue
    assert default in of_queue
    (with_arguments,) = [row for row in of_queue if row["arguments"]]
    assert with_arguments["arguments"] == {"x": 1}
    assert with_arguments["properties_key"].startswith("~~")
    assert len(http(f"/api/exchanges/%2F/{exchange}/bindings/source").json()) == 2
    between = f"/api/bindings/%2F/e/{exchange}/q/{queue}"
    assert len(http(between).json()) == 2
    assert http(f"{between}/orders.*").json() == binding
    assert http(f"{between}/other").status == 404


def test_connections_and_channels(http, eventually, named_connection):
    name, channel = named_connection
    channel.basic_qos(prefetch_count=7)
    channel.confirm_delivery()

    def ask():
        return [row for row in http("/api/connections").json() if row.get("user_provided_name") == name]

    (found,) = eventually(ask, lambda rows: rows and rows[0].get("channels") == 1)
    expected = {
        "user": "guest",
        "vhost": "/",
        "state": "running",
        "protocol": "AMQP 0-9-1",
        "type": "network",
        "ssl": False,
        "timeout": 30,
        "frame_max": 131072,
        "channel_max": 2047,
        "peer_host": "127.0.0.1",
        "host": "127.0.0.1",
    }
    assert {key: found[key] for key in expected} == expected
    assert found["client_properties"]["capabilities"]["consumer_cancel_notify"] is True
    path = "/api/connections/" + found["name"].replace(" ", "%20").replace(">", "%3E")
    assert http(path).json()["name"] == found["name"]

    def channels():
        return http(path + "/channels").json()

    (row,) = eventually(channels, lambda rows: rows and rows[0].get("confirm"))
    assert row["name"] == found["name"] + " (1)"
    assert row["connection_details"]["name"] == found["name"]
    expected = {"number": 1, "vhost": "/", "user": "guest", "prefetch_count": 7, "confirm": True, "transactional": False}
    assert {key: row[key] for key in expected} == expected
    one = http("/api/channels/" + row["name"].replace(" ", "%20").replace(">", "%3E"))
    assert one.json()["number"] == 1
    assert http("/api/connections/no-such").status == 404


def test_consumers(http, eventually, channel, queue):
    channel.basic_qos(prefetch_count=3)
    channel.basic_consume(queue, lambda *_: None, consumer_tag="mine", arguments={"x-priority": 2})

    def ask():
        return [row for row in http("/api/consumers/%2F").json() if row["queue"]["name"] == queue]

    (found,) = eventually(ask, bool)
    expected = {
        "consumer_tag": "mine",
        "ack_required": True,
        "exclusive": False,
        "active": True,
        "prefetch_count": 3,
        "arguments": {"x-priority": 2},
        "queue": {"name": queue, "vhost": "/"},
    }
    assert {key: found[key] for key in expected} == expected
    assert found["channel_details"]["number"] == 1
    details = eventually(lambda: http(f"/api/queues/%2F/{queue}").json(), lambda row: row.get("consumer_details"))
    assert details["consumer_details"][0]["consumer_tag"] == "mine"


def test_virtual_hosts(http):
    assert [row["name"] for row in http("/api/vhosts").json()] == ["/"]
    assert http("/api/vhosts/%2F").json()["name"] == "/"
    assert http("/api/vhosts/no-such").status == 404
    assert http("/api/aliveness-test/%2F").json() == {"status": "ok"}


def test_nodes(http):
    (node,) = http("/api/nodes").json()
    assert node["running"] is True and node["mem_alarm"] is False and node["disk_free_alarm"] is False
    assert {row["name"] for row in node["exchange_types"]} >= {"direct", "fanout", "topic", "headers"}
    assert http(f"/api/nodes/{node['name']}").json()["name"] == node["name"]


def test_health_checks(http, amqp_server):
    for check in ("alarms", "local-alarms", "virtual-hosts", "node-is-quorum-critical", "protocol-listener/amqp091"):
        answer = http(f"/api/health/checks/{check}")
        assert (answer.status, answer.json()["status"]) == (200, "ok"), check
    answer = http(f"/api/health/checks/port-listener/{amqp_server.amqp_port}")
    assert answer.json() == {"status": "ok", "port": amqp_server.amqp_port}
    assert http("/api/health/checks/port-listener/1").status == 503


def test_pages_and_columns(http, queue):
    found = http(f"/api/queues?page=1&page_size=10&name={queue}&columns=name,arguments.x-max-length").json()
    expected = {
        "filtered_count": 1,
        "item_count": 1,
        "items": [{"name": queue, "arguments": {"x-max-length": 10}}],
        "page": 1,
        "page_count": 1,
        "page_size": 10,
    }
    assert {key: found[key] for key in expected} == expected
    assert http("/api/queues?page=99").status == 400
    names = [row["name"] for row in http("/api/exchanges?sort=name&sort_reverse=true").json()]
    assert names == sorted(names, reverse=True)
