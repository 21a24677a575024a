"""amqplib's own tests (Node)."""

import os
import re
import subprocess

from compat.suite import CHECKOUTS, SUITE_SECONDS, Counts, adapt, checkout, main, skipped_tests

URL, TAG = "https://github.com/amqp-node/amqplib", "v2.0.1"
# Of a whole file of tests; the suite's own limit of one second is for a machine of its own.
TEST_MILLISECONDS = 120_000
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
    # In a directory of its own: the checkout's other development tools would be installed, too, and one of them
    # puts hooks into the repository it finds itself in.
    tools = CHECKOUTS / "amqplib-tools"
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(tools)]
    subprocess.run([*install, GENERATOR], check=True)
    (directory / "node_modules").symlink_to(tools / "node_modules")
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
    return count((directory / "tap.log").read_text(errors="replace"), set(skipped_tests("amqplib")))


def count(report: str, skips: set[str]) -> Counts:
    """Every test is a line; a group that holds others has a line, too, which says nothing of its own."""
    counts = Counts()
    tests = re.findall(r"^ *(not ok|ok) \d+ - (.*?)( # SKIP.*)?\n *---\n((?:.*\n)*?) *\.\.\.$", report, re.M)
    for outcome, name, skip, details in tests:
        if "type: 'suite'" in details:
            continue
        if skip or name in skips:
            counts.skipped += 1
        elif outcome == "ok":
            counts.passed += 1
        else:
            counts.failed += 1
            counts.failures.append(name)
    if not counts.passed:
        return Counts(failed=1, failures=["no test passed\n" + report[-800:]])
    return counts


if __name__ == "__main__":
    main("amqplib", run)
