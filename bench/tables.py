"""The rows that `make bench` prints, and how their figures come about."""

import load

HEAD = "| scenario | server | ops/s | p50 us | p99 us | CPU us/op | CPU, ours / this | ours, limit |"


def row(*cells) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def number(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}f}"


def interleaved(chosen, runs: dict) -> dict:
    """`runs`: by name, how to start a run; `chosen`: what the command line says. Answers the medians by name."""
    results = {name: [] for name in runs}
    for _ in range(chosen.rounds):
        for name, run in runs.items():
            results[name].append(run().figures())
    return {name: load.medians(figures) for name, figures in results.items()}


def table(scenario: str, figures: dict, prefix: str, limits: dict) -> None:
    """`limits`: by server, a text for the last column. Ours is the first."""
    ours = next(iter(figures.values()))
    for name, median in figures.items():
        ratio = "" if name.startswith("warren") else number(ours["server_cpu_us"] / median["server_cpu_us"])
        latencies = [number(median[f"{prefix}{part}_us"], 0) for part in ("p50", "p99")]
        row(scenario, name, number(median["rate"], 0), *latencies, number(median["server_cpu_us"]), ratio,
            limits.get(name, ""))
