"""lapin's tests and examples (Rust), built from its checkout."""

import os
import re
import subprocess

from compat.suite import CHECKOUTS, SUITE_SECONDS, Counts, checkout, main

URL, TAG = "https://github.com/amqp-rs/lapin", "v4.7.4"


def run(server, tests: list[str]) -> Counts:
    directory = checkout("lapin", URL, TAG)
    command = ["cargo", "test", "--quiet", "--no-fail-fast", "--no-default-features", "--features", "default-runtime"]
    command += [word for test in tests for word in ("--test", test)] or ["--tests"]
    # Not thrown away with the checkout: building it anew takes minutes.
    environment = {
        **os.environ,
        "AMQP_ADDR": f"amqp://guest:guest@127.0.0.1:{server.amqp_port}/%2f",
        "CARGO_TARGET_DIR": str(CHECKOUTS / "lapin-target"),
    }
    ended = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SUITE_SECONDS,
        text=True,
    )
    (directory / "test.log").write_text(ended.stdout)
    counts = Counts()
    for passed, failed, ignored in re.findall(r"(\d+) passed; (\d+) failed; (\d+) ignored", ended.stdout):
        counts.add(Counts(int(passed), int(failed), int(ignored)))
    counts.failures = re.findall(r"^test (\S+) \.\.\. FAILED|^    (\S+)$", ended.stdout, re.M)
    if ended.returncode and not counts.failed:
        counts.add(Counts(failed=1, failures=[ended.stdout[-1500:]]))
    return counts


if __name__ == "__main__":
    main("lapin", run)
