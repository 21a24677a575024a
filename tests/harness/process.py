"""A server as a process: start, wait until it listens, stop, kill, start again, measure.

A `Server` keeps its directory and ports over restarts, so a test can kill it and look at what the
same data directory holds afterwards.
"""

import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path

from harness.ports import is_listening

START_SECONDS = 30
STOP_SECONDS = 20
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    """A test run that is killed leaves no server behind."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class StartFailed(Exception):
    """The server ended, or did not listen in time. The text carries the end of its log."""


class Server:
    """One server process with its own directory. Subclasses say how it is called and where it listens."""

    name = "server"
    start_seconds = START_SECONDS

    def __init__(self, directory: Path):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.data_dir = self.directory / "data"
        self.data_dir.mkdir(exist_ok=True)
        self.log_path = self.directory / "log.txt"
        self.process: subprocess.Popen | None = None

    # What subclasses say.

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def ports(self) -> list[int]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        return all(is_listening(port) for port in self.ports())

    # Life.

    def launch(self) -> subprocess.Popen:
        """Starts the process and does not wait for it to listen."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env=self.environment(),
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        return self.process

    def start(self) -> "Server":
        self.launch()
        deadline = time.monotonic() + self.start_seconds
        while not self.is_ready():
            if self.process.poll() is not None:
                raise StartFailed(f"{self.name} ended with {self.process.returncode}\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise StartFailed(f"{self.name} does not listen on {self.ports()}\n{self.log_tail()}")
            time.sleep(0.01)
        return self

    def stop(self, signal_number: int = signal.SIGTERM, seconds: float = STOP_SECONDS) -> int:
        """Ends the server in order and returns its exit code; a server that does not end is killed and told of."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {seconds} s of its signal\n{self.log_tail()}") from None

    def kill(self) -> None:
        """SIGKILL, to the whole process group: nothing gets to say goodbye."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.wait_until_refused()

    def wait_until_refused(self) -> None:
        """The kernel tears the rings of a killed process down a moment after the process itself; until then
        its listening sockets still take connections, which nobody will serve."""
        deadline = time.monotonic() + 5
        for port in self.ports():
            while is_listening(port) and time.monotonic() < deadline:
                time.sleep(0.01)

    def restart(self, kill: bool = False) -> "Server":
        self.kill() if kill else self.stop()
        return self.start()

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def close(self) -> None:
        """What a fixture calls at its end. A server that ends by itself in a test is a failure."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    # Measures.

    @property
    def pid(self) -> int:
        return self.process.pid

    def rss_bytes(self) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"{self.name} has no memory")

    def cpu_seconds(self) -> float:
        """User and system time of all threads since the process started."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self, lines: int = 40) -> str:
        return "\n".join(self.log().splitlines()[-lines:])
