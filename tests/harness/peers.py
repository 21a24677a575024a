"""The peers whose behaviour Warren promises, started from what the system has installed.

They take the same words as `Warren` where they have a meaning there (`appendfsync`) and ignore the
rest, so that a test can ask for a server without asking which.
"""

import os
import shutil
import signal
import subprocess

from harness.ports import free_port
from harness.process import Server


class Redis(Server):
    """redis-server, or valkey-server where WARREN_REDIS_SERVER says so."""

    name = "redis"
    binary = os.environ.get("WARREN_REDIS_SERVER", "redis-server")

    def __init__(self, directory, appendfsync: str | None = None, **_options):
        super().__init__(directory)
        self.resp_port = free_port()
        self.appendfsync = appendfsync

    @classmethod
    def is_installed(cls) -> bool:
        return shutil.which(cls.binary) is not None

    def command(self) -> list[str]:
        words = [self.binary, "--port", str(self.resp_port), "--bind", "127.0.0.1", "--dir", str(self.data_dir)]
        words += ["--save", "", "--enable-debug-command", "yes"]
        if self.appendfsync is not None:
            words += ["--appendonly", "yes", "--appendfsync", self.appendfsync]
        return words

    def ports(self) -> list[int]:
        return [self.resp_port]


class RabbitMQ(Server):
    """rabbitmq-server with its management plugin, by hand, on its own ports, directories and name server."""

    name = "rabbitmq"
    binary = os.environ.get("WARREN_RABBITMQ_SERVER", "/usr/lib/rabbitmq/bin/rabbitmq-server")
    start_seconds = 120

    def __init__(self, directory, **_options):
        super().__init__(directory)
        self.amqp_port, self.http_port = free_port(), free_port()
        self.distribution_port, self.epmd_port = free_port(), free_port()
        self._log_start = 0
        self._name_server: subprocess.Popen | None = None
        (self.directory / "enabled_plugins").write_text("[rabbitmq_management].\n")
        (self.directory / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.amqp_port}\n"
            "management.tcp.ip = 127.0.0.1\n"
            f"management.tcp.port = {self.http_port}\n"
            "log.console = true\n"
        )

    @classmethod
    def is_installed(cls) -> bool:
        return os.access(cls.binary, os.X_OK)

    def command(self) -> list[str]:
        return [self.binary]

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "HOME": str(self.directory),
            "ERL_EPMD_PORT": str(self.epmd_port),
            "RABBITMQ_NODENAME": f"warren-test-{self.amqp_port}@localhost",
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self.data_dir),
            "RABBITMQ_LOG_BASE": str(self.directory),
            "RABBITMQ_CONFIG_FILE": str(self.directory / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.directory / "enabled_plugins"),
            # Makes the start script become the virtual machine instead of waiting for it.
            "RUNNING_UNDER_SYSTEMD": "1",
        }

    def ports(self) -> list[int]:
        return [self.amqp_port, self.http_port]

    def is_ready(self) -> bool:
        # It listens a moment before it can be told to stop.
        return "Server startup complete" in self.log()[self._log_start :] and super().is_ready()

    def launch(self) -> subprocess.Popen:
        self._log_start = len(self.log())
        # Left to itself, the first start would leave a name server behind as a daemon.
        self._name_server = subprocess.Popen(["epmd", "-port", str(self.epmd_port)], env=self.environment())
        return super().launch()

    def stop(self, signal_number: int = signal.SIGTERM, seconds: float = 60) -> int:
        try:
            return super().stop(signal_number, seconds)
        finally:
            self._stop_name_server()

    def kill(self) -> None:
        super().kill()
        self._stop_name_server()

    def _stop_name_server(self) -> None:
        if self._name_server is not None:
            self._name_server.kill()
            self._name_server.wait()
            self._name_server = None
