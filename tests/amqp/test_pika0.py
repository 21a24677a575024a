"""Programs written for pika 0.13.1, run as they are with that version in a venv of its own."""

import subprocess
from pathlib import Path

PROGRAMS = Path(__file__).parent / "pika0_programs"

# Python 3.10 took away a name that pika 0.13.1 still asks for; the programs themselves need no help.
RUNNER = """
import collections, collections.abc, runpy, sys
collections.Callable = collections.abc.Callable
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(python, program, *arguments):
    words = [str(python), "-c", RUNNER, str(PROGRAMS / program), *[str(word) for word in arguments]]
    done = subprocess.run(words, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_hello(pika0_python, amqp_server, name):
    assert run(pika0_python, "hello.py", amqp_server.amqp_port, name()) == ["Received b'Hello World!'"]


def test_work_queue(pika0_python, amqp_server, name):
    assert run(pika0_python, "work_queue.py", amqp_server.amqp_port, name()) == [
        "task 0 new",
        "task 1 new",
        "task 2 new",
        "task 2 again",
        *[f"task {number} new" for number in range(3, 10)],
        "left 0",
    ]


def test_logs(pika0_python, amqp_server, name):
    assert run(pika0_python, "logs.py", amqp_server.amqp_port, name()) == [
        "fanout 1: info error",
        "fanout 2: info error",
        "errors: error",
        "all: info error",
        "kernel: kern.info kern.critical",
        "critical: kern.critical cron.critical",
        "everything: kern.info kern.critical cron.critical other",
    ]


def test_rpc(pika0_python, amqp_server, name):
    assert run(pika0_python, "rpc.py", amqp_server.amqp_port, name()) == [
        f"{number} -> {number**2}" for number in range(5)
    ]


def test_refusals(pika0_python, amqp_server, name):
    queue = name()
    assert run(pika0_python, "refusals.py", amqp_server.amqp_port, queue) == [
        "password: ProbableAuthenticationError 403 ACCESS_REFUSED - Login was refused using "
        "authentication mechanism PLAIN. For details see the broker logfile.",
        "vhost: ProbableAccessDeniedError 530 NOT_ALLOWED - vhost no-such-vhost not found",
        f"mismatch: ChannelClosed 406 PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{queue}' "
        "in vhost '/': received 'false' but current is 'true'",
        "missing: ChannelClosed 404 NOT_FOUND - no queue 'no-such-queue' in vhost '/'",
        "confirmed: True",
        "unroutable: False",
        "purged: 1",
        "deleted: 0",
    ]
