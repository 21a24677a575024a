"""`warren ctl list_queues` prints what `rabbitmqctl list_queues` prints."""

import subprocess
from pathlib import Path

import pytest

from harness.warren import binary


@pytest.fixture
def list_queues(amqp_server, server_kind):
    def run(*words):
        if server_kind == "warren":
            node = f"http://127.0.0.1:{amqp_server.http_port}"
            command = [str(binary()), "ctl", "list_queues", "--node", node, *words]
        else:
            command = [str(Path(amqp_server.binary).with_name("rabbitmqctl")), "list_queues", *words]
        return subprocess.run(
            command, env=amqp_server.environment(), capture_output=True, text=True, timeout=30
        )

    return run


def test_list_queues(list_queues, queue):
    done = list_queues()
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    if lines[0].startswith("Timeout:"):
        lines = lines[1:]
    assert lines[0].startswith("Listing queues") and lines[0].endswith(" ...")
    assert f"{queue}\t4" in lines[1:]


@pytest.mark.warren_only
def test_a_server_that_is_not_there(amqp_server):
    command = [str(binary()), "ctl", "list_queues", "--node", "http://127.0.0.1:1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    assert len(done.stderr.strip().splitlines()) == 1
