"""Runs `warren bench` on the load's core and reads its last line."""

import statistics
import subprocess

from servers import LOAD_CORE, SERVER_CORE, warren

# Filling ten million keys takes a minute on a busy machine.
SLACK_SECONDS = 300


class Load:
    """One run of the generator; `figures` waits for its end."""

    def __init__(self, words: list, seconds: float, core: str = LOAD_CORE):
        command = ["taskset", "-c", core, warren.binary(), "bench", *words, "--seconds", seconds]
        self.seconds = seconds
        self.process = subprocess.Popen(
            [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def figures(self) -> dict[str, float]:
        try:
            output, errors = self.process.communicate(timeout=self.seconds + SLACK_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        if self.process.returncode != 0:
            raise SystemExit(f"the generator failed: {errors.strip()}")
        fields = (field.split("=") for field in output.splitlines()[-1].split()[1:])
        return {name: float(value) for name, value in fields}


def resp(server, words: list, seconds: float) -> Load:
    return Load(["resp", "--uri", f"127.0.0.1:{server.resp_port}", "--server-pid", server.pid, *words], seconds)


def amqp(server, words: list, seconds: float) -> Load:
    return Load(["amqp", "--uri", f"127.0.0.1:{server.amqp_port}", "--server-pid", server.pid, *words], seconds)


def disk(directory, write_size_bytes: int, is_filled: bool, seconds: float) -> Load:
    """On the core of the servers: where the disk's interrupt goes makes a difference."""
    words = ["disk", "--directory", directory, "--size", write_size_bytes, *(["--filled"] if is_filled else [])]
    return Load(words, seconds, SERVER_CORE)


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {field: statistics.median(run[field] for run in runs) for field in runs[0]}
