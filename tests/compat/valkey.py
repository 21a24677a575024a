"""Valkey's Tcl tests in external mode, at its first release: the BSD-licensed tests nearest to Redis 7.0."""

import re
import subprocess
from pathlib import Path

from compat.suite import SUITE_SECONDS, Counts, adapt, checkout, main, skipped_tests
from harness.resp import Connection

URL, TAG = "https://github.com/valkey-io/valkey", "7.2.7"
UNITS = ["type/string", "type/incr", "type/list", "type/list-3", "type/set", "type/zset", "type/hash"]
UNITS += ["keyspace", "scan", "expire", "multi", "quit", "bitops", "bitfield", "pubsub", "protocol"]
UNITS += ["introspection", "introspection-2", "other", "sort", "geo", "pause", "info-command", "violations"]
UNITS += ["maxmemory"]
# A test that waits for something that never comes ends its unit after so long.
IDLE_SECONDS = 300
DENIED_TAGS = ["needs:debug", "needs:repl", "needs:save", "needs:reset", "slow", "large-memory", "cluster", "scripting"]

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_RESULT = re.compile(r"\[(ok|err|skip|ignore|exception)\]: (.*)")


def run(server, units: list[str]) -> Counts:
    directory = checkout("valkey", URL, TAG)
    _forgive_missing_settings(directory)
    # Left out there because of the replicas and the small memory, not because it cannot be.
    adapt(directory / "tests/unit/maxmemory.tcl", {"external:skip": ""})
    skip_file = directory / "skipped.txt"
    skip_file.write_text("\n".join(skipped_tests("valkey")) + "\n")
    counts = Counts()
    for unit in units or UNITS:
        if not server.is_running():
            counts.failures.append(f"{server.name} died before unit {unit}\n{server.log_tail()}")
            server.start()
        counts.add(_run_unit(server.resp_port, directory, unit, skip_file))
        with Connection(server.resp_port) as connection:
            connection.command("CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", "noeviction")
            connection.command("FLUSHALL")
    return counts


def _forgive_missing_settings(directory: Path) -> None:
    """A tuning setting or FUNCTION that a server does not know must not end a whole unit."""
    paths = [directory / "tests/support/server.tcl", *(directory / "tests/unit").rglob("*.tcl")]
    for path in paths:
        text = path.read_text(errors="surrogateescape")
        text = re.sub(r"^(\s*)(r config set \S+ \S+|r function flush)$", r"\1catch {\2}", text, flags=re.MULTILINE)
        path.write_text(text, errors="surrogateescape")


def _run_unit(port: int, directory: Path, unit: str, skip_file: Path) -> Counts:
    words = ["./runtest", "--host", "127.0.0.1", "--port", str(port), "--durable", "--clients", "1", "--timeout", str(IDLE_SECONDS), "--single", f"unit/{unit}"]
    words += ["--ignore-encoding", "--ignore-digest", "--skipfile", str(skip_file)]
    words += ["--tags", " ".join(f"-{tag}" for tag in DENIED_TAGS)]
    ended = subprocess.run(
        words, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SUITE_SECONDS
    )
    output = _COLOUR.sub("", ended.stdout.decode(errors="replace"))
    (directory / f"{unit.replace('/', '-')}.log").write_text(output)
    counts = _count(unit, output)
    # An error outside of a test ends its unit without an [err] line.
    if ended.returncode and not counts.failures:
        counts.failed += 1
        counts.failures.append(f"{unit}: ended early\n{output[-800:]}")
    print(f"  {unit}: {counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped", flush=True)
    return counts


def _count(unit: str, output: str) -> Counts:
    counts = Counts()
    # What follows is the summary, which names every failure again.
    lines = output.split("The End")[0].splitlines()
    for number, line in enumerate(lines):
        if match := _RESULT.match(line):
            kind, name = match.groups()
            if kind == "ok":
                counts.passed += 1
            elif kind in ("err", "exception"):
                counts.failed += 1
                counts.failures.append(f"{unit}: {name}: {' '.join(lines[number + 1 : number + 2])[:300]}")
            else:
                counts.skipped += 1
    return counts


if __name__ == "__main__":
    main("valkey", run)
