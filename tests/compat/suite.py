"""What all upstream suites share: the checkout, the server, the list of skipped tests, the counts."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from harness import SERVERS, Server

REPOSITORY = Path(__file__).resolve().parents[2]
CHECKOUTS = REPOSITORY / "target/compat"
SKIPS = Path(__file__).parent / "skips"
SUITE_SECONDS = 1800


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, other: "Counts") -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures


def checkout(name: str, url: str, tag: str) -> Path:
    """A fresh copy of the suite at `tag`: tests adapt files in it, so an old one is thrown away."""
    directory = CHECKOUTS / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    local = os.environ.get("WARREN_COMPAT_SUITES")
    if local is None:
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", "--branch", tag, url, str(directory)], check=True)
        return directory
    source = Path(local) / name
    archive = subprocess.Popen(["git", "-C", str(source), "archive", tag], stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", str(directory)], stdin=archive.stdout, check=True)
    if archive.wait():
        raise SystemExit(f"{source} has no {tag}")
    return directory


def skipped_tests(name: str) -> list[str]:
    """The names in `skips/NAME.txt`; every line is `name  # reason`, or a comment alone."""
    names = []
    for line in (SKIPS / f"{name}.txt").read_text().splitlines():
        test, separator, reason = line.partition("  # ")
        if line and not line.startswith("#"):
            assert separator and reason, f"skips/{name}.txt: no reason given for {line}"
            names.append(test.strip())
    return names


def adapt(path: Path, replacements: dict[str, str]) -> None:
    """Changes what a suite takes for granted about the server beside it (its port, say)."""
    text = path.read_text()
    for old, new in replacements.items():
        assert old in text, f"{path} no longer says {old!r}"
        text = text.replace(old, new)
    path.write_text(text)


def main(name: str, run) -> None:
    """`run(server, words)` returns the counts; `words` are the command line's units or files, none for all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", choices=sorted(SERVERS), default="warren")
    parser.add_argument("units", nargs="*")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        server: Server = SERVERS[arguments.server](Path(directory))
        try:
            counts = run(server.start(), arguments.units)
            if not server.is_running():
                counts.failed += 1
                counts.failures.append(f"{server.name} ended with {server.process.returncode}\n{server.log_tail()}")
        finally:
            server.close()
    for failure in counts.failures:
        print(f"  failed: {failure}")
    print(f"compat {name} on {arguments.server}: {counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped")
    sys.exit(1 if counts.failed else 0)
