"""Start and end: what the server says, what it refuses, and how it takes its leave."""

import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
import redis
from harness.resp import Connection, encode

pytestmark = pytest.mark.warren_only


def refusal(server) -> str:
    """Starts a server that must refuse: one line to the operator, exit code 1."""
    process = server.launch()
    try:
        assert process.wait(10) == 1, server.log_tail()
    except subprocess.TimeoutExpired:
        pytest.fail(f"it runs\n{server.log_tail()}")
    lines = server.log().splitlines()
    assert "panicked" not in server.log()
    complaints = [line for line in lines if "listening" not in line.lower()]
    assert len(complaints) == 1, lines
    return complaints[0]


def test_one_line_for_each_listener(new_server):
    server = new_server()
    lines = [line for line in server.log().splitlines() if "listening" in line.lower()]
    assert len(lines) == 3, server.log()
    for port in (server.resp_port, server.amqp_port, server.http_port):
        assert sum(f"127.0.0.1:{port}" in line for line in lines) == 1, server.log()


@pytest.mark.parametrize("listener", ["resp_port", "amqp_port", "http_port"])
def test_a_port_in_use(new_server, listener):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert str(port) in refusal(new_server(start=False, **{listener: port}))


def test_a_data_directory_that_cannot_be_written(new_server, tmp_path):
    (tmp_path / "file").write_text("not a directory")
    directory = tmp_path / "file" / "data"
    assert str(directory) in refusal(new_server(start=False, data_dir=directory))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_data_directory_without_permission(new_server, tmp_path):
    directory = tmp_path / "read-only"
    directory.mkdir(mode=0o500)
    assert str(directory) in refusal(new_server(start=False, data_dir=directory))


def test_a_data_directory_locked_by_another_process(new_server):
    first = new_server()
    line = refusal(new_server(start=False, data_dir=first.data_dir))
    assert str(first.data_dir) in line
    with redis.Redis(port=first.resp_port) as client:
        assert client.ping()


def test_the_lock_goes_with_its_process(new_server):
    first = new_server()
    first.kill()
    new_server(data_dir=first.data_dir)


@pytest.mark.parametrize(
    "options",
    [
        {"no_such_flag": "1"},
        {"appendfsync": "sometimes"},
        {"resp_port": "70000"},
        {"resp_port": "abc"},
        {"bind": "not-an-address"},
        {"io_driver": "smoke-signals"},
    ],
    ids=lambda options: " ".join(f"{name}={value}" for name, value in options.items()),
)
def test_a_wrong_flag_is_refused_and_named(new_server, options):
    server = new_server(start=False, **options)
    process = server.launch()
    assert process.wait(10) != 0
    name, value = next(iter(options.items()))
    assert name.replace("_", "-") in server.log() or value in server.log(), server.log()
    assert "panicked" not in server.log()


def test_a_port_of_0_switches_a_listener_off(new_server):
    server = new_server(amqp_port=0, http_port=0)
    with redis.Redis(port=server.resp_port) as client:
        assert client.ping()
    assert sum("listening" in line.lower() for line in server.log().splitlines()) == 1
    server = new_server(resp_port=0)
    assert sum("listening" in line.lower() for line in server.log().splitlines()) == 2


def test_settings_from_file_and_environment(new_server, tmp_path):
    """warren.toml, then WARREN_*, then flags: the later wins."""
    settings = tmp_path / "warren.toml"
    settings.write_text('appendfsync = "always"\n')
    server = new_server(start=False, config=settings)
    del server.options["appendfsync"]
    server.start()
    assert fsync_of(server) == "always"
    server.stop()
    server.extra_environment = {"WARREN_APPENDFSYNC": "no"}
    server.start()
    assert fsync_of(server) == "no"
    server.stop()
    server.options["appendfsync"] = "everysec"
    server.start()
    assert fsync_of(server) == "everysec"


def fsync_of(server) -> str:
    with redis.Redis(port=server.resp_port, decode_responses=True) as client:
        return client.config_get("appendfsync")["appendfsync"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(new_server, number):
    server = new_server()
    with Connection(server.resp_port) as connection:
        connection.command("SET", "k", "v")
        assert server.stop(number) == 0
        assert connection.read_until_closed() == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.resp_port), timeout=1)
    server.start()
    with Connection(server.resp_port) as connection:
        assert connection.command("GET", "k").value == b"v"


def test_the_end_comes_soon_with_blocked_and_idle_clients(new_server):
    server = new_server()
    idle = [Connection(server.resp_port) for _ in range(20)]
    for connection in idle[:10]:
        connection.send("BLPOP", "k", "0")
    time.sleep(0.1)
    start = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - start < 3
    for connection in idle:
        connection.close()


def test_a_signal_among_writers_loses_no_answered_write(new_server):
    server = new_server(appendfsync="always")
    answered = []

    def write():
        with redis.Redis(port=server.resp_port, retry=None) as client:
            for number in range(1_000_000):
                try:
                    client.rpush("l", number)
                except (redis.RedisError, OSError):
                    return
                answered.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(0.2)
    assert server.stop() == 0
    writer.join()
    server.start()
    with redis.Redis(port=server.resp_port) as client:
        assert client.llen("l") in (len(answered), len(answered) + 1)


def test_amqp_clients_are_told_why(new_server):
    """connection.close with 320 CONNECTION_FORCED."""
    pika = pytest.importorskip("pika")
    server = new_server()
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.amqp_port))
    ended = threading.Thread(target=server.stop)
    ended.start()
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as closed:
        connection.process_data_events(time_limit=10)
        connection.process_data_events(time_limit=10)
    ended.join()
    assert closed.value.reply_code == 320
    assert closed.value.reply_text.startswith("CONNECTION_FORCED")


def test_an_empty_start_is_quick_and_small(new_server):
    server = new_server(start=False)
    start = time.monotonic()
    server.start()
    # A benchmark holds it to 50 ms and 15 MB; this only notices when it grows out of all bounds.
    assert time.monotonic() - start < 2
    assert server.rss_bytes() < 40_000_000


def test_a_pipeline_in_flight_is_answered_or_cut_at_a_reply(new_server):
    server = new_server()
    with Connection(server.resp_port) as connection:
        connection.send_bytes(encode("INCR", "n") * 1000)
        server.stop()
        answered = connection.read_until_closed()
    whole = answered.split(b"\r\n")[:-1]
    assert whole == [b":%d" % (number + 1) for number in range(len(whole))]
    server.start()
    with Connection(server.resp_port) as connection:
        assert int(connection.command("GET", "n").value or 0) >= len(whole)


def test_the_log_directory_stays_inside_the_data_directory(new_server):
    server = new_server(appendfsync="always")
    with redis.Redis(port=server.resp_port) as client:
        client.set("k", "v")
    server.stop()
    assert any(path.is_file() for path in Path(server.data_dir).rglob("*"))
    assert {path.name for path in server.directory.iterdir()} == {"data", "log.txt"}


@pytest.mark.parametrize("words", [["SHUTDOWN"], ["SHUTDOWN", "NOSAVE"], ["SHUTDOWN", "SAVE"]], ids=" ".join)
def test_shutdown_ends_it_as_a_signal_does(new_server, words):
    server = new_server()
    pika = pytest.importorskip("pika")
    other = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.amqp_port))
    with Connection(server.resp_port) as connection:
        connection.command("SET", "k", "v")
        connection.send(*words)
        assert connection.read_until_closed() == b""
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as closed:
        other.process_data_events(time_limit=10)
        other.process_data_events(time_limit=10)
    assert closed.value.reply_code == 320
    assert server.process.wait(10) == 0, server.log_tail()
    server.start()
    with Connection(server.resp_port) as connection:
        assert connection.command("GET", "k").value == b"v"


def test_info_shows_the_process(new_server, tmp_path):
    settings = tmp_path / "warren.toml"
    settings.write_text("io-threads = 2\n")
    server = new_server(config=settings)
    with redis.Redis(port=server.resp_port, decode_responses=True) as client:
        info = client.info()
        assert info["process_id"] == server.pid
        assert info["tcp_port"] == server.resp_port
        assert info["config_file"] == str(settings)
        assert info["executable"] == os.readlink(f"/proc/{server.pid}/exe")
        assert info["io_threads_active"] == 2 and client.config_get("io-threads") == {"io-threads": "2"}
        assert len(info["run_id"]) == 40 and info["os"].startswith("Linux ")
        assert info["mem_allocator"].startswith("jemalloc")
        assert 0 < info["used_memory"] <= info["used_memory_peak"]
        assert 0.5 < info["used_memory_rss"] / server.rss_bytes() < 2
        assert info["total_system_memory"] > info["used_memory_rss"]

        client.set("large", "x" * 20_000_000)
        grown = client.info("memory")
        assert 19_000_000 < grown["used_memory"] - info["used_memory"] < 30_000_000
        client.delete("large")
        shrunk = client.info("memory")
        assert shrunk["used_memory"] < grown["used_memory"] - 10_000_000
        assert shrunk["used_memory_peak"] >= grown["used_memory"]

        info = client.info()
        assert info["total_net_input_bytes"] > 20_000_000
        assert info["aof_current_size"] > 20_000_000
        start = info["uptime_in_seconds"]
        busy_until = time.monotonic() + 1.5
        while time.monotonic() < busy_until:
            client.set("k", "v")
        info = client.info()
        assert info["used_cpu_sys"] + info["used_cpu_user"] > 0
        assert 1 <= info["uptime_in_seconds"] - start <= 10
        run_id = info["run_id"]
    server.restart()
    with redis.Redis(port=server.resp_port, decode_responses=True) as client:
        assert client.info()["run_id"] != run_id


def test_clients_see_the_address_they_called(new_server):
    server = new_server(bind="0.0.0.0")
    with redis.Redis("127.0.0.2", port=server.resp_port, decode_responses=True) as client:
        assert client.client_info()["laddr"] == f"127.0.0.2:{server.resp_port}"
        assert client.client_list()[0]["laddr"] == f"127.0.0.2:{server.resp_port}"


def test_who_has_not_authenticated_sends_only_short_requests(new_server):
    server = new_server(requirepass="secret")
    too_many = "-ERR Protocol error: unauthenticated multibulk length\r\n"
    too_long = "-ERR Protocol error: unauthenticated bulk length\r\n"
    for request, answer in [
        (b"*11\r\n", too_many),
        (b"*2\r\n$3\r\nGET\r\n$16385\r\n", too_long),
        (encode("AUTH", "wrong") + b"*11\r\n", "-WRONGPASS invalid username-password pair or user is disabled.\r\n" + too_many),
    ]:
        with Connection(server.resp_port) as connection:
            connection.send_bytes(request)
            assert connection.read_until_closed().decode() == answer
    long_value = "x" * 100_000
    with Connection(server.resp_port) as connection:
        # What is sent behind AUTH in one go counts as authenticated.
        connection.send_bytes(encode("AUTH", "secret") + encode("SET", "k", long_value) + encode("DEL", *range(20)))
        assert [connection.read().value for _ in range(3)] == ["OK", "OK", 0]
        # RESET takes it back.
        assert connection.command("RESET").value == "RESET"
        connection.send("DEL", *range(20))
        assert connection.read_until_closed().decode() == too_many
    with Connection(server.resp_port) as connection:
        connection.send_bytes(encode("PING") + encode("HELLO", 3, "AUTH", "default", "secret") + encode("GET", "k"))
        assert connection.read().is_error
        assert connection.read().kind == "%"
        assert connection.read().value == long_value.encode()
