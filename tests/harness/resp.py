"""A RESP2/RESP3 client that hides nothing: every reply keeps the type it had on the wire.

redis-py turns replies into Python values and errors into exceptions; what must be exact is compared
here instead. `render` and `parse` are the notation of the transcripts (`tests/resp/transcripts/`):

    +OK   -ERR text        a simple string, an error; nested they are quoted: +"OK"
    42  "text"  nil        an integer, a bulk string, a null
    nil*                   RESP2's null array (RESP3 has one null only)
    ["a", 1]               an array; push["message", …] is RESP3's push
    {"a", "b"}  {"k": 1}   RESP3's set and map; {:} is the empty map
    double(1.5)  true      RESP3's double, as its text, and boolean
    txt"…"                 RESP3's verbatim string

`downgrade` says what RESP2 sends for the same reply.
"""

import re
import socket
import time
from dataclasses import dataclass

READ_BYTES = 1 << 16


@dataclass(frozen=True, order=True)
class Reply:
    """`kind` is RESP3's first byte; `value` is str, int, bytes, None, or a tuple of replies."""

    kind: str
    value: object

    @property
    def is_error(self) -> bool:
        return self.kind == "-"

    def __repr__(self) -> str:
        return render(self)


NIL = Reply("_", None)
NIL_BULK = Reply("$", None)
NIL_ARRAY = Reply("*", None)


class Connection:
    """One connection. `command` waits for one reply; `send` and `read` come apart for pipelines and blocking."""

    def __init__(self, port: int, protocol: int = 2, timeout: float = 10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self._received = bytearray()
        self._position = 0
        if protocol == 3:
            answer = self.command("HELLO", "3")
            assert answer.kind == "%", answer

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.close()

    def close(self) -> None:
        self.socket.close()

    def command(self, *words) -> Reply:
        self.send(*words)
        return self.read()

    def send(self, *words) -> None:
        self.send_bytes(encode(*words))

    def send_bytes(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self, timeout: float | None = None) -> Reply:
        self.socket.settimeout(self.timeout if timeout is None else timeout)
        reply = self._read_reply()
        del self._received[: self._position]
        self._position = 0
        return reply

    def read_until_closed(self) -> bytes:
        """Everything the server still says before it closes the connection."""
        self.socket.settimeout(self.timeout)
        rest = bytes(self._received[self._position :])
        while True:
            try:
                data = self.socket.recv(READ_BYTES)
            except ConnectionResetError:
                return rest
            if not data:
                return rest
            rest += data

    def says_nothing(self, seconds: float = 0.1) -> bool:
        """True where no byte comes within the time."""
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(READ_BYTES)
        except TimeoutError:
            return not self._received
        self._received += data
        return False

    def _fill(self) -> None:
        data = self.socket.recv(READ_BYTES)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._received += data

    def _line(self) -> bytes:
        start = self._position
        while (end := self._received.find(b"\r\n", start)) < 0:
            self._fill()
        self._position = end + 2
        return bytes(self._received[start:end])

    def _exactly(self, size: int) -> bytes:
        end = self._position + size + 2
        while len(self._received) < end:
            self._fill()
        data = bytes(self._received[self._position : end - 2])
        assert self._received[end - 2 : end] == b"\r\n", "a bulk string without its end"
        self._position = end
        return data

    def _read_reply(self) -> Reply:
        line = self._line()
        kind, text = chr(line[0]), line[1:].decode("latin-1")
        if kind in "+-,(":
            return Reply(kind, text)
        if kind == ":":
            return Reply(kind, int(text))
        if kind == "#":
            return Reply(kind, text == "t")
        if kind == "_":
            return NIL
        if kind in "$=":
            return Reply(kind, None if text == "-1" else self._exactly(int(text)))
        if kind in "*~>%":
            if text == "-1":
                return NIL_ARRAY
            count = int(text) * (2 if kind == "%" else 1)
            return Reply(kind, tuple(self._read_reply() for _ in range(count)))
        raise AssertionError(f"no RESP type begins with {line!r}")


def encode(*words) -> bytes:
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


def wait_until(condition, seconds: float = 20, what: str = "the condition"):
    """Looks until it holds, and returns what it returned."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not come within {seconds} s"
        time.sleep(0.005)
    return found


# What RESP2 sends in the place of RESP3's types.


def downgrade(reply: Reply) -> Reply:
    if reply.kind == "_":
        return NIL_BULK
    if reply.kind == ",":
        return Reply("$", reply.value.encode())
    if reply.kind == "#":
        return Reply(":", int(reply.value))
    if reply.kind == "=":
        return Reply("$", reply.value[4:])
    if reply.kind == "(":
        return Reply("+", reply.value)
    if isinstance(reply.value, tuple):
        return Reply("*", tuple(downgrade(item) for item in reply.value))
    return reply


def unordered(reply: Reply) -> Reply:
    """The same reply with its elements in one fixed order."""
    return Reply(reply.kind, tuple(sorted(reply.value, key=render))) if isinstance(reply.value, tuple) else reply


# The notation.


def render(reply: Reply, nested: bool = False) -> str:
    kind, value = reply.kind, reply.value
    if value is None:
        return "nil*" if kind == "*" else "nil"
    if kind in "+-":
        return kind + (quote(value.encode("latin-1")) if nested else value)
    if kind == "$":
        return quote(value)
    if kind == "=":
        return value[:3].decode() + quote(value[4:])
    if kind == ",":
        return f"double({value})"
    if kind == "#":
        return "true" if value else "false"
    if kind == ":":
        return str(value)
    if kind == "(":
        return f"big({value})"
    items = [render(item, nested=True) for item in value]
    if kind == "%":
        pairs = sorted(f"{name}: {held}" for name, held in zip(items[::2], items[1::2], strict=True))
        return "{" + (", ".join(pairs) or ":") + "}"
    if kind == "~":
        return "{" + ", ".join(sorted(items)) + "}"
    return ("push" if kind == ">" else "") + "[" + ", ".join(items) + "]"


def quote(data: bytes) -> str:
    escapes = {0x22: '\\"', 0x5C: "\\\\", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}
    return '"' + "".join(escapes.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}") for byte in data) + '"'


_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)")
_PLAIN_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_TOKEN = re.compile(rf'\s*(nil\*|nil|true|false|push\[|double\([^)]*\)|-?\d+|[a-z]{{3}}{_QUOTED}|[+-]?{_QUOTED}|[\[\]{{}},:])')


def unquote(text: str) -> bytes:
    def replace(match):
        code = match[1]
        return chr(int(code[1:], 16)) if len(code) == 3 else _PLAIN_ESCAPES.get(code, code)

    return _ESCAPE.sub(replace, text[1:-1]).encode("latin-1")


def parse(text: str) -> Reply:
    if text[0] in "+-" and not re.match(r'[+-](\d|")', text):
        return Reply(text[0], text[1:])
    tokens = _TOKEN.findall(text)
    assert "".join(tokens).replace(" ", "") == text.replace(" ", ""), f"not a reply: {text}"
    reply, rest = _parse(tokens)
    assert not rest, f"more than one reply: {text}"
    return reply


def _parse(tokens: list[str]) -> tuple[Reply, list[str]]:
    token, rest = tokens[0], tokens[1:]
    if token in ("[", "push[", "{"):
        return _parse_aggregate(token, rest)
    if token.startswith("nil"):
        return (NIL_ARRAY if token == "nil*" else NIL), rest
    if token in ("true", "false"):
        return Reply("#", token == "true"), rest
    if token.startswith("double("):
        return Reply(",", token[7:-1]), rest
    if token[0] == '"':
        return Reply("$", unquote(token)), rest
    if token[0] in "+-" and token[1] == '"':
        return Reply(token[0], unquote(token[1:]).decode("latin-1")), rest
    if token[-1] == '"':
        return Reply("=", token[:3].encode() + b":" + unquote(token[3:])), rest
    return Reply(":", int(token)), rest


def _parse_aggregate(opening: str, rest: list[str]) -> tuple[Reply, list[str]]:
    closing = "}" if opening == "{" else "]"
    kind = {"[": "*", "push[": ">", "{": "~"}[opening]
    items = []
    while rest[0] != closing:
        if rest[0] in ",:":
            kind = "%" if rest[0] == ":" else kind
            rest = rest[1:]
            continue
        item, rest = _parse(rest)
        items.append(item)
    return Reply(kind, tuple(items)), rest[1:]
