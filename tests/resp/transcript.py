"""Transcripts: what a server must answer, word for word, to a list of commands.

    == INCR of something else            a case; it begins with an empty server
    > SET key value                      a command; words may be quoted and escaped as in redis-cli
    +OK                                  its reply (notation: harness/resp.py), RESP3's types; RESP2's follow from them
    > ZRANGE z 0 -1 WITHSCORES
    2| ["a", "1"]                        where RESP2 is not simply RESP3's downgrade, both are written
    3| [["a", double(1)]]
    >~ KEYS *                            the order of the elements is free
    ["a", "b"]
    > PTTL key
    ~ 99\\d\\d                           the written reply must match this expression
    @other> SET key 1                    a command on another connection, named `other`

The replies were recorded from redis-server 7.0:

    cd tests && ../target/venv/bin/python -m resp.transcript resp/transcripts/strings.txt

rewrites a file's replies (all but the `~` lines) with what redis-server says; look at the diff.
"""

import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from harness import Redis
from harness.resp import NIL, NIL_ARRAY, Connection, Reply, downgrade, parse, render, unordered, unquote

TRANSCRIPTS = Path(__file__).parent / "transcripts"

_COMMAND = re.compile(r"(?:@(?P<peer>\w+))?>(?P<unordered>~?) (?P<words>.*)")
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\S+')


@dataclass
class Step:
    line: int
    text: str
    peer: str
    unordered: bool
    words: list[bytes]
    expected: dict[int, str] = field(default_factory=dict)

    def matches(self, protocol: int, reply: Reply) -> bool:
        expected = self.expected[protocol]
        if expected.startswith("~ "):
            return re.fullmatch(expected[2:], render(reply)) is not None
        # A line that stands for both protocols is written in RESP3's types.
        wanted = parse(expected)
        if protocol == 3 and wanted == NIL_ARRAY:
            wanted = NIL
        if protocol == 2 and self.expected[3] == expected:
            wanted = _downgrade_keeping_sets(wanted, reply)
        if self.unordered:
            wanted, reply = unordered(wanted), unordered(reply)
        return same(wanted, reply)


@dataclass
class Case:
    title: str
    line: int
    steps: list[Step] = field(default_factory=list)


def same(wanted: Reply, reply: Reply) -> bool:
    # `render` sorts sets and maps; the notation has one nil for RESP2's null bulk and RESP3's null.
    return render(wanted) == render(reply)


def _downgrade_keeping_sets(wanted: Reply, reply: Reply) -> Reply:
    """RESP2's form of `wanted`, its sets and maps in the order in which `reply` happens to have them."""
    if wanted == NIL_ARRAY:
        return wanted
    flat = downgrade(wanted)
    if wanted.kind in "~%" and reply.kind == "*" and reply.value is not None:
        width = 2 if wanted.kind == "%" else 1
        if _groups(flat, width) == _groups(reply, width):
            return reply
    return flat


def _groups(reply: Reply, width: int) -> list[str]:
    texts = [render(item, nested=True) for item in reply.value]
    return sorted(" ".join(texts[at : at + width]) for at in range(0, len(texts), width))


def read(path: Path) -> list[Case]:
    cases: list[Case] = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line or line.startswith("# "):
            continue
        if line.startswith("== "):
            cases.append(Case(line[3:], number))
        elif match := _COMMAND.fullmatch(line):
            words = [unquote(word) if word[0] == '"' else word.encode() for word in _WORD.findall(match["words"])]
            cases[-1].steps.append(Step(number, line, match["peer"] or "", match["unordered"] == "~", words))
        elif line[:3] in ("2| ", "3| "):
            cases[-1].steps[-1].expected[int(line[0])] = line[3:]
        else:
            cases[-1].steps[-1].expected = {2: line, 3: line}
    return cases


class Player:
    """Runs the steps of a case, each on its connection; gone when the case ends."""

    def __init__(self, port: int, protocol: int):
        self.port, self.protocol = port, protocol
        self.peers: dict[str, Connection] = {}

    def __enter__(self):
        with Connection(self.port) as cleaner:
            cleaner.command("FLUSHALL")
        return self

    def __exit__(self, *_exception):
        for peer in self.peers.values():
            peer.close()

    def play(self, step: Step) -> Reply:
        if step.peer not in self.peers:
            self.peers[step.peer] = Connection(self.port, self.protocol)
        return self.peers[step.peer].command(*step.words)


# Recording.


def record(path: Path, port: int) -> None:
    lines = path.read_text().splitlines()
    answers: dict[int, list[str]] = {}
    for case in read(path):
        replies = {}
        for protocol in (2, 3):
            with Player(port, protocol) as player:
                replies[protocol] = [player.play(step) for step in case.steps]
        for step, second, third in zip(case.steps, replies[2], replies[3], strict=True):
            if not step.expected.get(3, "").startswith("~ "):
                answers[step.line] = _written(step, second, third)
    written = []
    for number, line in enumerate(lines, start=1):
        is_reply = written and line and not line.startswith(("# ", "== ")) and not _COMMAND.fullmatch(line)
        if not is_reply or line.startswith("~ "):
            written.append(line)
        written += answers.get(number, [])
    path.write_text("\n".join(written) + "\n")


def _written(step: Step, second: Reply, third: Reply) -> list[str]:
    if step.unordered:
        second, third = unordered(second), unordered(third)
    both = "nil*" if second == NIL_ARRAY else render(third)
    step.expected = {2: both, 3: both}
    if (second == NIL_ARRAY and third.value is None) or step.matches(2, second):
        return [both]
    return [f"2| {render(second)}", f"3| {render(third)}"]


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        server = Redis(Path(directory)).start()
        try:
            for name in sys.argv[1:]:
                record(Path(name), server.resp_port)
        finally:
            server.close()


if __name__ == "__main__":
    main()
