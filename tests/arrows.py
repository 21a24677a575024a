"""Checks the arrows of the crate graph (see ARCHITECTURE.md) against what `cargo metadata` says.

A crate may use fewer crates than its row, never more. The crates under `server` and `sim` reach
neither an event loop nor a runtime, not even through a third party's crate.

Run as `python3 tests/arrows.py`; needs nothing but Python and cargo.
"""

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

ALLOWED = {
    "units": set(),
    "access": {"units"},
    "resp": {"units"},
    "amqp": {"units"},
    "log": {"units"},
    "cache": {"units", "access", "resp"},
    "broker": {"units", "access", "amqp"},
    "engine": {"units", "access", "resp", "amqp", "cache", "broker"},
    "server": {"units", "access", "resp", "amqp", "engine", "log"},
    "sim": {"units", "access", "resp", "amqp", "engine", "log"},
}
EDGES = {"server", "sim"}
FORBIDDEN_BELOW_THE_EDGES = {"tokio", "mio", "io-uring", "rustix", "socket2", "async-std", "smol"}


def violations(metadata: dict) -> list[str]:
    members = {
        package["id"]: Path(package["manifest_path"]).parent.name
        for package in metadata["packages"]
        if package["id"] in metadata["workspace_members"]
    }
    names = {package["id"]: package["name"] for package in metadata["packages"]}
    used_by = {node["id"]: _normal_dependencies(node) for node in metadata["resolve"]["nodes"]}
    found = []
    for crate, directory in sorted(members.items(), key=lambda item: item[1]):
        if directory not in ALLOWED:
            found.append(f"crates/{directory} has no row in tests/arrows.py: which crates may it use?")
            continue
        for used in sorted(members[package] for package in used_by[crate] if package in members):
            if used not in ALLOWED[directory]:
                found.append(f"{directory} -> {used} is not an arrow of the design")
        if directory not in EDGES:
            reached = {names[package] for package in _reach(crate, used_by)}
            for name in sorted(reached & FORBIDDEN_BELOW_THE_EDGES):
                found.append(f"{directory} reaches {name}: sockets and runtimes belong to {' and '.join(sorted(EDGES))}")
    return found


def _normal_dependencies(node: dict) -> list[str]:
    """What the crate itself needs; its tests may use what they like."""
    return [used["pkg"] for used in node["deps"] if any(kind["kind"] is None for kind in used["dep_kinds"])]


def _reach(crate: str, used_by: dict[str, list[str]]) -> set[str]:
    seen, waiting = set(), [crate]
    while waiting:
        for used in used_by[waiting.pop()]:
            if used not in seen:
                seen.add(used)
                waiting.append(used)
    return seen


def main() -> int:
    answer = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--locked"], cwd=REPOSITORY, check=True, stdout=subprocess.PIPE
    )
    found = violations(json.loads(answer.stdout))
    for line in found:
        print(f"arrows: {line}", file=sys.stderr)
    if not found:
        print(f"arrows: {len(ALLOWED)} crates, every arrow as designed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
