"""What the server's process looks like from outside, once a second, and whether that drifts."""

import os
import threading
import time
from pathlib import Path

import redis

ROW_SECONDS = 10
DRIFT_MAX = 0.05
# One connection that happens to be there is no drift.
DESCRIPTORS_SLACK = 2
# A quarter must hold several of the times in which the queues grow and drain.
QUARTER_SECONDS_MIN = 60

RULE = (
    "the first third is for warming up; of the rest, the mean of the last quarter lies within 5 % of the mean of the "
    "first quarter (descriptors: or within 2)"
)


class Measures(threading.Thread):
    """Looks once a second, and prints the means of ten looks as a row."""

    columns = (
        ("time", "s"), ("rss", "MB"), ("huge", "MB"), ("used", "MB"), ("fds", ""), ("threads", ""), ("log", "MB"), ("disk", "MB"),
        ("commands", "/s"), ("confirms", "/s"), ("settled", "/s"), ("swollen", ""), ("saves", ""), ("cpu", "%"),
    )  # fmt: skip

    def __init__(self, server, publishers, consumers, depth):
        super().__init__(daemon=True, name="measures")
        self.server, self.publishers, self.consumers, self.depth = server, publishers, consumers, depth
        self.stopping = threading.Event()
        self.looks: list[dict[str, float]] = []
        self.wrong: list[str] = []

    def run(self) -> None:
        self.begun = time.monotonic()
        print("  ".join(f"{name + (' ' + unit if unit else ''):>11}" for name, unit in self.columns), flush=True)
        try:
            with redis.Redis(port=self.server.resp_port, decode_responses=True, socket_timeout=60) as client:
                self.look(client)
                while not self.stopping.wait(1):
                    self.look(client)
                    if len(self.looks) % ROW_SECONDS == 0:
                        self.print_row()
        except BaseException as error:
            self.wrong.append(f"measures ended by {error!r}")

    def look(self, client) -> None:
        facts, process = client.info("all"), Path(f"/proc/{self.server.pid}")
        self.looks.append(
            {
                "time": time.monotonic() - self.begun,
                "rss": self.server.rss_bytes() / 1e6,
                "huge": huge_bytes(process) / 1e6,
                "used": facts["allocator_allocated"] / 1e6,
                "fds": len(os.listdir(process / "fd")),
                "threads": len(os.listdir(process / "task")),
                "log": facts["aof_current_size"] / 1e6,
                "disk": disk_bytes(self.server.data_dir) / 1e6,
                "commands": facts["total_commands_processed"],
                "confirms": sum(load.count for load in self.publishers),
                "settled": sum(load.count for load in self.consumers),
                "swollen": self.depth(),
                "saves": facts["rdb_saves"],
                "cpu": self.server.cpu_seconds() * 100,
            }
        )

    def print_row(self) -> None:
        looks = self.looks[-ROW_SECONDS:]
        before, last = self.looks[-ROW_SECONDS - 1] if len(self.looks) > ROW_SECONDS else looks[0], looks[-1]
        row = {name: mean(looks, name) for name, _ in self.columns}
        row |= {"time": last["time"], "saves": last["saves"]}
        for name in ("commands", "confirms", "settled", "cpu"):
            row[name] = (last[name] - before[name]) / (last["time"] - before["time"])
        digits = {"rss": 1, "huge": 1, "used": 1, "fds": 1, "log": 1, "disk": 1}
        print("  ".join(f"{row[name]:>11.{digits.get(name, 0)}f}" for name, _ in self.columns), flush=True)

    def drift(self) -> list[str]:
        """What has drifted, by the rule; says all of it, too."""
        steady = self.looks[len(self.looks) // 3 :]
        quarter = len(steady) // 4
        first, last = steady[:quarter], steady[-quarter:]
        print(f"soak: drift: {RULE}")
        wrong = []
        for name, slack in (("rss", 0), ("fds", DESCRIPTORS_SLACK), ("huge", None), ("used", None), ("threads", None), ("disk", None)):
            before, after = mean(first, name), mean(last, name)
            peaks = max(look[name] for look in first), max(look[name] for look in last)
            change = after / before - 1 if before else 0
            text = f"{name} {before:.1f} -> {after:.1f} ({change:+.1%})"
            text += f", highest {peaks[0]:.1f} -> {peaks[1]:.1f}"
            print(f"soak: {text}{' (not judged)' if slack is None else ''}")
            if slack is not None and abs(after - before) > max(slack, before * DRIFT_MAX):
                wrong.append(f"drift: {text}")
        if quarter < QUARTER_SECONDS_MIN:
            print(f"soak: a quarter has only {quarter} s, no drift is judged")
            return []
        return wrong


def mean(looks: list[dict[str, float]], name: str) -> float:
    return sum(look[name] for look in looks) / len(looks)


def huge_bytes(process: Path) -> int:
    """What of the RSS lies in huge pages, which the kernel also makes of pages that were given back in part."""
    lines = (process / "smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("AnonHugePages:"))


def disk_bytes(directory: Path) -> int:
    """What the files take on the disk; one that goes meanwhile takes nothing."""
    total = 0
    for path in directory.rglob("*"):
        try:
            total += path.stat().st_blocks * 512
        except FileNotFoundError:
            pass
    return total
