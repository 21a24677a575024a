"""The server under test. WARREN_BINARY names another build than target/release/warren."""

import os
from pathlib import Path

from harness.ports import free_port
from harness.process import Server

REPOSITORY = Path(__file__).resolve().parents[2]


def binary() -> Path:
    path = Path(os.environ.get("WARREN_BINARY", REPOSITORY / "target/release/warren")).absolute()
    if not path.exists():
        raise FileNotFoundError(f"{path} is not built; `make test` builds it, WARREN_BINARY names another")
    return path


class Warren(Server):
    """`options` become flags: `io_threads=2` is `--io-threads 2`. A port of 0 switches that listener off."""

    name = "warren"

    def __init__(self, directory, appendfsync: str = "everysec", **options):
        super().__init__(directory)
        self.resp_port = options.pop("resp_port", None)
        self.amqp_port = options.pop("amqp_port", None)
        self.http_port = options.pop("http_port", None)
        self.resp_port = free_port() if self.resp_port is None else self.resp_port
        self.amqp_port = free_port() if self.amqp_port is None else self.amqp_port
        self.http_port = free_port() if self.http_port is None else self.http_port
        self.data_dir = Path(options.pop("data_dir", self.data_dir))
        self.extra_environment: dict[str, str] = {}
        self.options = {"appendfsync": appendfsync, **options}

    def command(self) -> list[str]:
        flags = {
            "bind": "127.0.0.1",
            "resp_port": self.resp_port,
            "amqp_port": self.amqp_port,
            "http_port": self.http_port,
            "data_dir": self.data_dir,
            **self.options,
        }
        words = [str(binary()), "serve"]
        for name, value in flags.items():
            words += ["--" + name.replace("_", "-"), str(value)]
        return words

    def environment(self) -> dict[str, str]:
        # A developer's own settings must not reach the server under test.
        own = {name: value for name, value in os.environ.items() if not name.startswith("WARREN_")}
        return own | self.extra_environment

    def launch(self):
        self._log_start = len(self.log())
        return super().launch()

    def is_ready(self) -> bool:
        # Its ports take connections a moment before it has said so.
        return super().is_ready() and "warren: ready" in self.log()[self._log_start :]

    def ports(self) -> list[int]:
        return [int(port) for port in (self.resp_port, self.amqp_port, self.http_port) if port]
