"""Runs the scenarios against both servers and prints where they disagree."""

import argparse
import importlib
import signal
import sys
import tempfile
from pathlib import Path

from amqp_differential.differences import DIFFERENCES
from amqp_differential.observer import Observer
from harness import RabbitMQ, Warren

GROUPS = ["connections", "channels", "exchanges", "queues", "publishing", "consuming", "settling", "dead_letters", "features"]


SCENARIO_SECONDS = 60


def _too_long(_signal, frame):
    raise TimeoutError(f"waits in {frame.f_code.co_name}")


def scenarios(groups):
    """`group.name` and function of each scenario, in the order of the files."""
    for group in groups:
        module = importlib.import_module(f"amqp_differential.{group}")
        for name, function in vars(module).items():
            if callable(function) and getattr(function, "__module__", "") == module.__name__ and not name.startswith("_"):
                yield f"{group}.{name}", function


def observe(function, server):
    observer = Observer(server.amqp_port, server.http_port)
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SCENARIO_SECONDS)
    try:
        function(observer)
    except Exception as error:  # what a scenario does not expect is an observation as well
        observer.note("raised", f"{type(error).__name__}: {error}")
    finally:
        signal.alarm(SCENARIO_SECONDS)
        observer.close()
        signal.alarm(0)
    return observer.notes


def disagreements(name, ours, theirs):
    """Lines that are not the same on both sides, without those that `DIFFERENCES` explains."""
    explained = DIFFERENCES.get(name, {})
    for number in range(max(len(ours), len(theirs))):
        mine = ours[number] if number < len(ours) else "(nothing)"
        other = theirs[number] if number < len(theirs) else "(nothing)"
        expected = next((each for label, each in explained.items() if other.startswith(f"{label}: ")), None)
        if mine != other and not (expected and expected[0] in mine):
            yield mine, other


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--only", help="scenarios whose name holds this")
    parser.add_argument("groups", nargs="*", default=GROUPS)
    arguments = parser.parse_args()
    if not RabbitMQ.is_installed():
        print("amqp differential: skipped, rabbitmq-server is not installed")
        return 0
    passed = failed = 0
    with tempfile.TemporaryDirectory() as directory:
        servers = Warren(Path(directory) / "warren"), RabbitMQ(Path(directory) / "rabbitmq")
        try:
            warren, rabbitmq = (server.start() for server in servers)
            for name, function in scenarios(arguments.groups or GROUPS):
                if arguments.only and arguments.only not in name:
                    continue
                ours, theirs = observe(function, warren), observe(function, rabbitmq)
                found = list(disagreements(name, ours, theirs))
                passed, failed = passed + (not found), failed + bool(found)
                if arguments.verbose:
                    print(f"{name}\n    " + "\n    ".join(theirs))
                for mine, other in found:
                    print(f"{name}\n  warren    {mine}\n  rabbitmq  {other}", flush=True)
        finally:
            for server in servers:
                server.close()
    print(f"amqp differential: {passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
