"""The HTTP API in RabbitMQ's JSON shapes: what tools that watch a broker read."""

import pytest


def test_overview(http, queue, eventually):
    overview = eventually(
        lambda: http("/api/overview").json(), lambda found: found["queue_totals"].get("messages", 0) >= 4
    )
    for key in ("management_version", "product_name", "product_version", "rabbitmq_version", "cluster_name", "node"):
        assert isinstance(overview[key], str) and overview[key], key
    assert {each["name"] for each in overview["exchange_types"]} >= {"direct", "fanout", "topic"}
    assert set(overview["object_totals"]) == {"channels", "connections", "consumers", "exchanges", "queues"}
    assert overview["object_totals"]["queues"] >= 1
    totals = overview["queue_totals"]
    assert totals["messages_ready"] >= 3 and totals["messages_unacknowledged"] >= 1
    assert any(each["protocol"] == "amqp" for each in overview["listeners"])
    assert isinstance(overview["message_stats"], dict)


@pytest.mark.parametrize("path", ["/api/queues", "/api/queues/%2F"])
def test_queues(http, queue, eventually, path):
    def ask():
        return [each for each in http(path).json() if each["name"] == queue]

    def complete(found):
        return found and (found[0].get("messages_unacknowledged"), found[0].get("message_bytes")) == (1, 12)

    (found,) = eventually(ask, complete)
    expected = {
        "vhost": "/",
        "durable": True,
        "auto_delete": False,
        "exclusive": False,
        "arguments": {"x-max-length": 10},
        "state": "running",
        "type": "classic",
        "consumers": 0,
        "messages": 4,
        "messages_ready": 3,
        "messages_unacknowledged": 1,
        "message_bytes": 12,
        "message_bytes_ready": 9,
    }
    assert {key: found[key] for key in expected} == expected
    assert isinstance(found["node"], str) and found["node"]


def test_one_queue(http, queue, eventually):
    found = eventually(lambda: http(f"/api/queues/%2F/{queue}").json(), lambda found: found.get("messages") == 4)
    assert found["name"] == queue


@pytest.mark.parametrize("path", ["/api/queues/%2F/no-such-queue", "/api/queues/no-such-vhost", "/api/no-such-thing"])
def test_not_found(http, path):
    answer = http(path)
    assert answer.status == 404
    assert answer.json() == {"error": "Object Not Found", "reason": "Not Found"}


def test_health_check_of_alarms(http):
    answer = http("/api/health/checks/alarms")
    assert (answer.status, answer.json()) == (200, {"status": "ok"})


def test_no_credentials(http):
    answer = http("/api/overview", credentials=None)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="RabbitMQ Management"'


@pytest.mark.parametrize("credentials", ["guest:wrong", "nobody:guest", ":"])
def test_bad_credentials(http, credentials):
    answer = http("/api/queues", credentials=credentials)
    assert answer.status == 401
    assert answer.json()["error"] == "not_authorized"


def test_wrong_password_is_told(http):
    """RabbitMQ 3.10 says "Login failed"; 4.x says "Not_Authorized"."""
    answer = http("/api/overview", credentials="guest:wrong")
    assert answer.json()["reason"] in ("Login failed", "Not_Authorized")


@pytest.mark.warren_only
def test_metrics(http, queue):
    """RabbitMQ serves these on a port of its own; the names are the same."""
    answer = http("/metrics", credentials=None)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith(("text/plain", "application/openmetrics-text"))
    lines = answer.body.decode().splitlines()
    figures = {
        line.split(" ")[0]: float(line.split(" ")[1]) for line in lines if line and not line.startswith("#")
    }
    assert figures["rabbitmq_queue_messages_ready"] >= 3
    assert figures["rabbitmq_queue_messages_unacked"] >= 1
    assert figures["rabbitmq_queues"] >= 1
    assert figures["rabbitmq_connections"] >= 1
    typed = {line.split(" ")[2] for line in lines if line.startswith("# TYPE ")}
    assert "rabbitmq_queue_messages_ready" in typed
