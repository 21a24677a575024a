"""The arrow check finds what it is for. (`make test` runs it on the real graph.)"""

import pytest
from arrows import violations


def graph(edges: dict[str, list[str]], outside: dict[str, list[str]]) -> dict:
    def node(name, uses):
        kinds = [{"kind": None}]
        return {"id": name, "deps": [{"pkg": used, "dep_kinds": kinds} for used in uses]}

    every = {**edges, **outside}
    return {
        "packages": [{"id": name, "name": name, "manifest_path": f"/r/crates/{name}/Cargo.toml"} for name in every],
        "workspace_members": list(edges),
        "resolve": {"nodes": [node(name, uses) for name, uses in every.items()]},
    }


@pytest.mark.parametrize(
    "edges, outside, expected",
    [
        ({"units": [], "resp": ["units"]}, {}, []),
        ({"units": [], "log": ["units"], "engine": ["log"]}, {}, ["engine -> log is not an arrow"]),
        ({"cache": ["broker"], "broker": []}, {}, ["cache -> broker is not an arrow"]),
        ({"log": ["third"]}, {"third": ["mio"], "mio": []}, ["log reaches mio"]),
        ({"server": ["mio"]}, {"mio": []}, []),
        ({"helpers": []}, {}, ["crates/helpers has no row"]),
    ],
)
def test_violations(edges, outside, expected):
    found = violations(graph(edges, outside))
    assert len(found) == len(expected)
    assert all(start in line for start, line in zip(expected, found, strict=True))
