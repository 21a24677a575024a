"""A bounded run of the differential test; `make compat` runs a longer one."""

import os

import pytest
from harness import Redis
from resp.differential import compare

# Each worker of a parallel run gets its own block of seeds.
BLOCKS = 4
ROUNDS_PER_BLOCK = int(os.environ.get("WARREN_DIFFERENTIAL_ROUNDS", "10"))
FIRST_SEED = int(os.environ.get("WARREN_DIFFERENTIAL_SEED", "1"))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    server = Redis(tmp_path_factory.mktemp("reference")).start()
    yield server
    server.close()


@pytest.mark.peers
@pytest.mark.timeout(300)
@pytest.mark.parametrize("block", range(BLOCKS))
def test_same_replies_as_redis(resp_server, reference, block):
    seed = FIRST_SEED + block * ROUNDS_PER_BLOCK
    played, differences = compare(resp_server.resp_port, reference.resp_port, seed, ROUNDS_PER_BLOCK)
    assert played
    assert not differences, f"{len(differences)} of {ROUNDS_PER_BLOCK} rounds differ:\n\n" + "\n\n".join(map(str, differences))
