"""redis-cli, as people use it: one command, a pipe of commands, and at a terminal with its help."""

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import termios
import time

import pytest

CLI = shutil.which("redis-cli")
pytestmark = pytest.mark.skipif(CLI is None, reason="redis-cli is not installed")


def run(server, *words, text: str = "") -> str:
    command = [CLI, "-p", str(server.resp_port), *words]
    return subprocess.run(command, input=text, stdout=subprocess.PIPE, timeout=20, check=True, text=True).stdout


@pytest.mark.parametrize("version", ["-2", "-3"])
def test_single_commands_and_a_pipe(empty_server, version):
    assert run(empty_server, version, "SET", "k", "v") == "OK\n"
    assert run(empty_server, version, "GET", "k") == "v\n"
    assert run(empty_server, version, text="INCR n\nINCR n\nLPUSH l a b\nLRANGE l 0 -1\n") == "1\n2\n2\nb\na\n"


def test_scan_and_pipe_modes(empty_server):
    commands = "".join(f"*3\r\n$3\r\nSET\r\n$4\r\nk{number:03}\r\n$1\r\nv\r\n" for number in range(500))
    assert "errors: 0, replies: 500" in run(empty_server, "--pipe", text=commands)
    assert len(run(empty_server, "--scan", "--pattern", "k0*").split()) == 100


def test_at_a_terminal(empty_server):
    """It asks for COMMAND DOCS at its start and shows the arguments while one types."""
    typed = [b"SET k v\r", b"GET k\r", b"HELP LPUSH\r", b"QUIT\r"]
    output = re.sub(rb"\x1b\[[0-9;]*[a-zA-Z]", b"", _at_terminal([CLI, "-p", str(empty_server.resp_port)], typed))
    assert b"OK" in output
    assert b'"v"' in output
    assert b"LPUSH key element [element ...]" in output


def _at_terminal(command: list[str], typed: list[bytes]) -> bytes:
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm", HOME="/nonexistent")
        os.execv(command[0], command)
    # Without a width redis-cli asks the terminal, and there is nobody to answer.
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    output, deadline = b"", time.monotonic() + 15
    while time.monotonic() < deadline:
        # Types the next line once the last one was answered.
        if not select.select([terminal], [], [], 0.3)[0]:
            if typed:
                os.write(terminal, typed.pop(0))
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        output += data
    os.close(terminal)
    os.waitpid(child, 0)
    return output
