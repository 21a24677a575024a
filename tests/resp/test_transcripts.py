"""Every transcript, in RESP2 and in RESP3."""

import pytest
from resp.transcript import TRANSCRIPTS, Player, read

CASES = [
    pytest.param(case, id=f"{path.stem}: {case.title}") for path in sorted(TRANSCRIPTS.glob("*.txt")) for case in read(path)
]


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("case", CASES)
def test_transcript(resp_server, case, protocol):
    wrong = []
    with Player(resp_server.resp_port, protocol) as player:
        for step in case.steps:
            reply = player.play(step)
            if not step.matches(protocol, reply):
                wrong.append(f"line {step.line}: {step.text}\n  wants {step.expected[protocol]}\n  got   {reply}")
    assert not wrong, "\n" + "\n".join(wrong)
