"""Runs a checkout's tests with pytest and counts what its report says."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from compat.suite import SUITE_SECONDS, Counts

TEST_SECONDS = 60


def run_pytest(
    directory: Path, words: list[str], test_seconds: int = TEST_SECONDS, **environment: str
) -> Counts:
    """Further keywords become variables of the tests' environment."""
    report = directory / "report.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", str(test_seconds)]
    command += ["--tb=short", "-W", "ignore", f"--junit-xml={report}", *words]
    own = {**os.environ, **environment}
    with open(directory / "pytest.log", "wb") as log:
        tests = subprocess.Popen(command, cwd=directory, env=own, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        is_whole = _ends(tests)
    if not report.exists() or not (counts := _count(report)).passed:
        tail = "\n".join((directory / "pytest.log").read_text(errors="replace").splitlines()[-20:])
        return Counts(failed=1, failures=[f"no test passed\n{tail}"])
    if not is_whole:
        counts.add(Counts(failed=1, failures=[f"not done after {SUITE_SECONDS} s"]))
    return counts


def _ends(tests: subprocess.Popen) -> bool:
    """Waits for the end; past the time an interrupt makes pytest report what it has."""
    try:
        tests.wait(SUITE_SECONDS)
        return True
    except subprocess.TimeoutExpired:
        tests.send_signal(signal.SIGINT)
        try:
            tests.wait(TEST_SECONDS)
        except subprocess.TimeoutExpired:
            tests.kill()
            tests.wait()
        return False


def _count(report: Path) -> Counts:
    counts = Counts()
    for case in ElementTree.parse(report).iter("testcase"):
        outcomes = {child.tag: child for child in case}
        wrong = outcomes.get("failure") if "failure" in outcomes else outcomes.get("error")
        if wrong is not None:
            counts.failed += 1
            message = (wrong.get("message") or "").splitlines() or [""]
            counts.failures.append(f"{case.get('classname')}::{case.get('name')}: {message[0][:200]}")
        elif "skipped" in outcomes:
            counts.skipped += 1
        else:
            counts.passed += 1
    return counts
