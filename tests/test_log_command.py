"""`warren log`, `warren backup` and `warren restore`."""

import subprocess
import threading
import time

import pika
import pytest
import redis

from harness.warren import binary

pytestmark = pytest.mark.warren_only


def warren(*words) -> subprocess.CompletedProcess:
    return subprocess.run([binary(), *map(str, words)], capture_output=True, text=True, timeout=60)


def client_of(server) -> redis.Redis:
    return redis.Redis(port=server.resp_port, decode_responses=True, socket_timeout=10)


@pytest.fixture
def stopped(new_server, tmp_path):
    """The data directory of a stopped server that has a list and a message."""
    server = new_server(data_dir=tmp_path / "data")
    client_of(server).rpush("a list", "one", "two")
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.amqp_port)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("a queue", durable=True)
        persistent = pika.BasicProperties(delivery_mode=2)
        channel.basic_publish("", "a queue", b"a body of a message", persistent)
    in_use = warren("log", "verify", tmp_path / "data")
    assert in_use.returncode == 1 and in_use.stderr.count("\n") == 1
    assert "in use by another process" in in_use.stderr
    server.stop()
    return tmp_path / "data"


def test_a_dump_shows_what_was_done(stopped):
    dump = warren("log", "dump", stopped)
    assert dump.returncode == 0, dump.stderr
    assert 'Push db0 "a list"' in dump.stdout
    assert 'QueueDeclared' in dump.stdout and '"a queue"' in dump.stdout
    assert "bodies of 19 bytes" in dump.stdout
    first = warren("log", "dump", stopped, "--from", 1, "--to", 1)
    assert first.stdout.startswith("record 1\n") and "record 2" not in first.stdout


def test_damage_is_found_and_placed(stopped, tmp_path):
    assert warren("log", "verify", stopped).returncode == 0
    (segment,) = [path for path in stopped.glob("log-*") if b"a body of a message" in path.read_bytes()]
    content = segment.read_bytes()
    segment.write_bytes(content.replace(b"a body of a message", b"a body of a massage"))
    damaged = warren("log", "verify", stopped)
    assert damaged.returncode == 1
    assert segment.name in damaged.stderr and "offset" in damaged.stderr
    refused = warren("restore", stopped, "--data-dir", tmp_path / "restored")
    assert refused.returncode == 1 and segment.name in refused.stderr
    assert not (tmp_path / "restored").exists()


def test_a_restored_directory_serves_the_same(stopped, new_server, tmp_path):
    restored = warren("restore", stopped, "--data-dir", tmp_path / "restored")
    assert restored.returncode == 0, restored.stderr
    again = warren("restore", stopped, "--data-dir", tmp_path / "restored")
    assert again.returncode == 1 and "is not empty" in again.stderr
    server = new_server(data_dir=tmp_path / "restored")
    assert client_of(server).lrange("a list", 0, -1) == ["one", "two"]
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.amqp_port)) as connection:
        assert connection.channel().basic_get("a queue")[2] == b"a body of a message"


def test_a_backup_of_a_running_server_is_a_cut_of_one_moment(new_server, tmp_path):
    server = new_server(segment_size="1mb")
    client = client_of(server)
    node = ["--node", f"http://127.0.0.1:{server.http_port}"]
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.amqp_port)) as connection:
        channel = connection.channel()
        channel.queue_declare("moves", durable=True)

    stopping = threading.Event()

    def write() -> None:
        """Each transaction writes a number as a key, into a list, and as a message."""
        with client_of(server) as writer:
            number = 0
            while not stopping.is_set():
                number += 1
                pipeline = writer.pipeline()
                pipeline.set("number", number).rpush("numbers", number)
                pipeline.execute_command("AMQP.PUBLISH", "", "moves", f"{number} {'x' * 500}")
                pipeline.execute()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        while client.llen("numbers") < 300:
            time.sleep(0.01)
        made = warren("backup", tmp_path / "backup", *node)
        assert made.returncode == 0, made.stderr
        assert "backup of all keys and queues as of record" in made.stdout
        again = warren("backup", tmp_path / "backup", *node)
        assert again.returncode == 1 and "is not empty" in again.stderr
    finally:
        stopping.set()
        thread.join()
    server.kill()

    assert warren("log", "verify", tmp_path / "backup").returncode == 0
    restored = warren("restore", tmp_path / "backup", "--data-dir", tmp_path / "restored")
    assert restored.returncode == 0, restored.stderr
    assert f"to {tmp_path / 'restored'}: the state up to record" in restored.stdout
    copy = new_server(data_dir=tmp_path / "restored")
    client = client_of(copy)
    number = int(client.get("number"))
    assert number >= 300 and client.lrange("numbers", 0, -1) == [str(n) for n in range(1, number + 1)]
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", copy.amqp_port)) as connection:
        channel = connection.channel()
        bodies = [channel.basic_get("moves", auto_ack=True)[2].split()[0] for _ in range(number)]
        assert bodies == [str(n).encode() for n in range(1, number + 1)]
        assert channel.basic_get("moves") == (None, None, None)


def test_a_backup_is_refused_in_words(new_server, tmp_path):
    server = new_server()
    node = ["--node", f"http://127.0.0.1:{server.http_port}"]
    refused = warren("backup", tmp_path / "backup", *node, "--password", "wrong")
    assert refused.returncode == 1 and "401" in refused.stderr and not (tmp_path / "backup").exists()
    (tmp_path / "file").write_text("")
    refused = warren("backup", tmp_path / "file", *node)
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    client_of(server).ping()
