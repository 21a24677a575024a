"""Libraries of this directory that are preloaded into a server: disks that are slow, that fail, that keep count."""

import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


@functools.cache
def library(name: str) -> Path:
    """`<name>.c` as a shared library, compiled once in this process."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    built = Path(tempfile.mkdtemp(prefix="warren-preload-")) / f"{name}.so"
    source = Path(__file__).parent / f"{name}.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", str(built), str(source), "-ldl"], check=True)
    return built
