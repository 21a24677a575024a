"""Runs a checkout's tests with pytest and counts what its report says."""

import os
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
    with open(directory / "pytest.log", "wb") as log:
        subprocess.run(
            command,
            cwd=directory,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            timeout=SUITE_SECONDS,
        )
    if not report.exists() or not (counts := _count(report)).passed:
        tail = "\n".join((directory / "pytest.log").read_text(errors="replace").splitlines()[-20:])
        return Counts(failed=1, failures=[f"no test passed\n{tail}"])
    return counts


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
