"""amqplib's own tests (Node)."""

import os
import re
import subprocess

from compat.suite import SUITE_SECONDS, Counts, adapt, checkout, main

URL, TAG = "https://github.com/amqp-node/amqplib", "v2.0.1"
# Of a whole test; the suite's own limit of one second is for a machine of its own.
TEST_MILLISECONDS = 20_000
# Makes the random values of its tests; the rest of its development tools are not needed.
GENERATOR = "claire@0.4.1"


def run(server, files: list[str]) -> Counts:
    directory = checkout("amqplib", URL, TAG)
    # Many tests connect to where a broker is by default, which is here somewhere else.
    adapt(
        directory / "lib/connect.js",
        {"'amqp://localhost'": "'amqp://127.0.0.1'", "? 5672 :": f"? {server.amqp_port} :"},
    )
    for path in (directory / "test").glob("*.js"):
        path.write_text(re.sub(r"amqp://localhost(?=['?])", f"amqp://127.0.0.1:{server.amqp_port}", path.read_text()))
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-save", GENERATOR], cwd=directory, check=True)
    command = ["node", "--test", f"--test-timeout={TEST_MILLISECONDS}", "--test-reporter=tap"]
    command += [f"test/{name}.test.js" for name in files] or []
    with open(directory / "tap.log", "wb") as log:
        subprocess.run(
            command,
            cwd=directory,
            env={**os.environ, "URL": f"amqp://127.0.0.1:{server.amqp_port}"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            timeout=SUITE_SECONDS,
        )
    return count((directory / "tap.log").read_text(errors="replace"))


def count(report: str) -> Counts:
    """The totals at the end of the report; names of what failed from its lines."""
    totals = {name: int(number) for name, number in re.findall(r"^# (pass|fail|skipped|cancelled) (\d+)$", report, re.M)}
    if not totals.get("pass"):
        return Counts(failed=1, failures=["no test passed\n" + report[-800:]])
    failed = totals.get("fail", 0) + totals.get("cancelled", 0)
    names = re.findall(r"^ *not ok \d+ - (.*)$", report, re.M)
    return Counts(totals["pass"], failed, totals.get("skipped", 0), names if failed else [])


if __name__ == "__main__":
    main("amqplib", run)
