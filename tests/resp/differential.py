"""Sends the same random commands to two servers and compares their replies.

    cd tests && ../target/venv/bin/python -m resp.differential --rounds 200 --seed 1

starts the server under test and redis-server, plays rounds of commands from `grammar.py` on both, and
prints for each difference the shortest list of commands found that still shows it. A round with the
same seed is the same round. At the end of a round the whole keyspace of both is compared.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from harness import SERVERS, Redis
from harness.resp import Connection, Reply, quote, render, unordered
from resp import grammar

COMMANDS_PER_ROUND = 400
SHRINK_ATTEMPTS = 150

# Ten times a second redis-server looks for keys whose time is over.
REFERENCE_EXPIRY_SECONDS = 0.3

Command = list[bytes]


@dataclass
class Difference:
    commands: list[Command]
    subject: str
    reference: str

    def __str__(self) -> str:
        lines = [f"  > {' '.join(_word(word) for word in command)}" for command in self.commands]
        return "\n".join([*lines, f"  subject    {self.subject[:400]}", f"  reference  {self.reference[:400]}"])


class Pair:
    """One connection to each server, in one protocol version, and what is queued on them."""

    def __init__(self, subject_port: int, reference_port: int, protocol: int):
        self.subject = Connection(subject_port, protocol)
        self.reference = Connection(reference_port, protocol)
        self.queued: list[Command] | None = None

    def close(self) -> None:
        self.subject.close()
        self.reference.close()

    def both(self, *words) -> tuple[Reply, Reply]:
        self.subject.send(*words)
        self.reference.send(*words)
        return self.subject.read(), self.reference.read()

    def reset(self) -> None:
        self.both("DISCARD")
        self.both("UNWATCH")
        self.both("SELECT", "0")
        self.both("FLUSHALL")
        self.queued = None

    def play(self, command: Command) -> tuple[str, str] | None:
        """The two replies as texts where they differ."""
        name = command[0].decode("latin-1").upper()
        if name == "SPOP":
            # In MULTI the two servers would lose different members for good.
            return self._play_pop(command) if self.queued is None else None
        if self.queued is None and name in grammar.SCANS and b"0" in command[1:3]:
            return self._play_scan(command)
        mine, theirs = self.both(*command)
        if name == "DBSIZE" and not _agree(command, mine, theirs, self.queued):
            # redis-server counts keys whose time is over until it comes by.
            time.sleep(REFERENCE_EXPIRY_SECONDS)
            mine, theirs = self.both(*command)
        if not _agree(command, mine, theirs, self.queued):
            return render(mine), render(theirs)
        self._follow(name, command, theirs)
        return None

    def _follow(self, name: str, command: Command, reply: Reply) -> None:
        if name == "MULTI" and not reply.is_error:
            self.queued = []
        elif name in ("EXEC", "DISCARD"):
            if not reply.is_error or reply.value.startswith("EXECABORT"):
                self.queued = None
        elif self.queued is not None and not reply.is_error:
            self.queued.append(command)

    def _play_pop(self, command: Command) -> tuple[str, str] | None:
        """Which members go is the subject's choice; the reference loses the same ones."""
        before, _ = self.both("EXISTS", command[1] if len(command) > 1 else "")
        mine = self.subject.command(*command)
        if mine.is_error or not before.value:
            theirs = self.reference.command(*command)
        else:
            size = self.reference.command("SCARD", command[1]).value
            gone = [mine] if mine.kind == "$" else list(mine.value or ())
            wanted = min(int(command[2]), size) if len(command) > 2 else 1
            removed = self.reference.command("SREM", command[1], *(member.value for member in gone)).value if gone else 0
            return None if removed == len(gone) == wanted else (render(mine), f"{removed} of {wanted} were members")
        return None if render(mine) == render(theirs) else (render(mine), render(theirs))

    def _play_scan(self, command: Command) -> tuple[str, str] | None:
        mine, theirs = (_scan(connection, command) for connection in (self.subject, self.reference))
        return None if mine == theirs else (mine, theirs)

    def compare_keyspaces(self) -> tuple[str, str] | None:
        self.both("DISCARD")
        self.queued = None
        for database in range(grammar.DATABASES):
            self.both("SELECT", str(database))
            mine, theirs = self.both("KEYS", "*")
            mine, theirs = unordered(mine), unordered(theirs)
            if render(mine) != render(theirs):
                return f"db {database} has {mine}", f"db {database} has {theirs}"
            for key in mine.value:
                for read in _reads(self.reference.command("TYPE", key.value).value, key.value):
                    if difference := self.play(read):
                        return tuple(f"db {database} {_word(read[0])} {_word(key.value)}: {text}" for text in difference)
        return None


def _reads(kind: str, key: bytes) -> list[Command]:
    whole = {
        "string": [b"GET", key],
        "list": [b"LRANGE", key, b"0", b"-1"],
        "hash": [b"HGETALL", key],
        "set": [b"SMEMBERS", key],
        "zset": [b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"],
        # Its time was over just now.
        "none": [b"EXISTS", key],
    }[kind]
    return [whole, [b"TYPE", key], [b"PEXPIRETIME", key], [b"OBJECT", b"ENCODING", key]]


def _scan(connection: Connection, command: Command) -> str:
    """All elements of a full iteration, sorted; or the error."""
    at = 1 if command[0].upper() == b"SCAN" else 2
    found, step = set(), list(command)
    width = 2 if command[0].upper() in (b"HSCAN", b"ZSCAN") else 1
    for _ in range(1000):
        reply = connection.command(*step)
        if reply.is_error:
            return render(reply)
        cursor, items = reply.value
        texts = [render(item) for item in items.value]
        found |= {" ".join(texts[i : i + width]) for i in range(0, len(texts), width)}
        if cursor.value == b"0" or at >= len(step):
            return ", ".join(sorted(found))
        step[at] = cursor.value
    return "an iteration without an end"


def _agree(command: Command, mine: Reply, theirs: Reply, queued: list[Command] | None) -> bool:
    name = command[0].decode("latin-1").upper()
    if name == "EXEC" and queued and mine.kind == theirs.kind == "*" and mine.value and theirs.value:
        pairs = zip(queued, mine.value, theirs.value, strict=False)
        return len(mine.value) == len(theirs.value) and all(_agree(*pair, None) for pair in pairs)
    if _text(mine) == _text(theirs):
        return True
    if mine.kind != theirs.kind:
        return False
    if name in grammar.TIMES and mine.kind == ":":
        return abs(mine.value - theirs.value) <= grammar.TIMES[name]
    if name in grammar.RANDOM:
        return _shape(mine) == _shape(theirs)
    if name in grammar.UNORDERED:
        return render(unordered(mine)) == render(unordered(theirs))
    if name in grammar.PAIRS and mine.kind == "*":
        return _pairs(mine) == _pairs(theirs)
    # A single step of an iteration (inside MULTI, or from a cursor made up) may return what it likes.
    return name in grammar.SCANS and mine.kind == "*"


def _text(reply: Reply) -> str:
    """Without minus zero: redis-server has it in some encodings of a sorted set, and not in others."""
    return render(reply).replace('"-0"', '"0"').replace("double(-0)", "double(0)")


def _pairs(reply: Reply) -> list:
    return sorted(zip(reply.value[::2], reply.value[1::2], strict=True))


def _shape(reply: Reply) -> str:
    if isinstance(reply.value, tuple):
        return reply.kind + str([_shape(item) for item in reply.value])
    return "nil" if reply.value is None else reply.kind


def round_of(seed: int, length: int = COMMANDS_PER_ROUND) -> list[Command]:
    generator = grammar.Generator(seed)
    return [generator.command() for _ in range(length)]


def first_difference(pair: Pair, commands: list[Command]) -> tuple[int, tuple[str, str]] | None:
    pair.reset()
    for at, command in enumerate(commands):
        if difference := pair.play(command):
            return at, difference
    if difference := pair.compare_keyspaces():
        return len(commands), difference
    return None


def shrink(pair: Pair, commands: list[Command], found: tuple[int, tuple[str, str]]) -> Difference:
    """Leaves out commands, ever smaller runs of them, as long as some difference stays."""
    at, texts = found
    commands = commands[: at + 1]
    if not (found := first_difference(pair, commands)):
        return Difference(commands[-1:], *(f"{text} (not seen again)" for text in texts))
    size, attempts = max(len(commands) // 2, 1), 0
    while attempts < SHRINK_ATTEMPTS:
        start, shrunk = 0, False
        while start < len(commands) and attempts < SHRINK_ATTEMPTS:
            shorter = commands[:start] + commands[start + size :]
            attempts += 1
            if found := first_difference(pair, shorter):
                commands, texts, shrunk = shorter[: found[0] + 1], found[1], True
            else:
                start += size
        if size == 1 and not shrunk:
            break
        size = max(size // 2, 1)
    return Difference(commands, *texts)


def compare(subject_port: int, reference_port: int, seed: int, rounds: int) -> tuple[int, list[Difference]]:
    """How many commands were played, and what differed: at most one difference a round."""
    differences, played = [], 0
    for port in (subject_port, reference_port):
        with Connection(port) as connection:
            # Redis looks for timed out clients as often as this a second; a server without the setting may refuse it.
            connection.command("CONFIG", "SET", "hz", "500")
    for number in range(rounds):
        pair = Pair(subject_port, reference_port, 2 + (seed + number) % 2)
        commands = round_of(seed + number)
        if found := first_difference(pair, commands):
            differences.append(shrink(pair, commands, found))
        played += len(commands)
        pair.close()
    return played, differences


def _word(word: bytes) -> str:
    text = quote(word)
    return text if " " in text or "\\" in text or text == '""' else text[1:-1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--server", choices=["warren", "redis"], default="warren")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        subject = SERVERS[arguments.server](Path(directory) / "subject")
        reference = Redis(Path(directory) / "reference")
        try:
            subject.start()
            reference.start()
            played, differences = compare(subject.resp_port, reference.resp_port, arguments.seed, arguments.rounds)
        finally:
            subject.close()
            reference.close()
    for difference in differences:
        print(difference, end="\n\n")
    by_command = Counter(_word(difference.commands[-1][0]).upper() for difference in differences)
    print(f"differential: seed {arguments.seed}, {played} commands, {len(differences)} of {arguments.rounds} rounds differ")
    print("".join(f"  {name} {count}" for name, count in by_command.most_common()))
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
