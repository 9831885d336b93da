"""`connect` at a terminal without redis-cli: the prompt of our own, as its user sees it."""

import fcntl
import os
import pty
import re
import select
import socket
import struct
import subprocess
import termios
import time
from pathlib import Path

from check import Failure, check, check_equal

CTRL_C, CTRL_D, UP = b"\x03", b"\x04", b"\x1b[A"
DEADLINE_S = 30


def check_prompt(url: str, environment: dict[str, str], binaries: Path, plan_file: Path):
    """Replies, redirections, editing, history, and the ways to leave."""
    command = [str(binaries / "shardform"), "--endpoint-url", url, "connect", str(plan_file)]
    empty = plan_file.parent / "no-programs"
    empty.mkdir(exist_ok=True)
    environment = environment | {"PATH": str(empty), "TERM": "xterm"}

    with Prompt(command, environment, plan_file.parent) as prompt:
        prompt.expect(r":\d+> ")
        prompt.enter("PING")
        prompt.expect(r"PONG\r\n.*:\d+> ")
        # Three keys of three shards: whichever node it is at, some of them are elsewhere.
        for key in ("a", "b", "c"):
            prompt.enter(f'SET {key} "say \\"{key}\\""')
            prompt.expect(r"OK\r\n.*:\d+> ")
        check("-> Redirected to slot [" in prompt.said, "the prompt tells of redirections", prompt.said)
        prompt.enter("GET a")
        prompt.expect(r'"say \\"a\\""\r\n.*:\d+> ')
        prompt.enter("CLUSTER KEYSLOT a")
        prompt.expect(r"\(integer\) 15495\r\n.*:\d+> ")
        prompt.enter("GET nothing")
        prompt.expect(r"\(nil\)\r\n.*:\d+> ")
        prompt.enter("NOSUCH")
        prompt.expect(r"\(error\) ERR unknown command.*:\d+> ")
        prompt.enter('SET a "open')
        prompt.expect(r"Invalid argument\(s\)\r\n.*:\d+> ")
        # A line that is given up is not asked, and one that is called back is.
        prompt.type(b"DEL a" + CTRL_C)
        prompt.expect(r":\d+> ")
        prompt.enter("AUTH secret-that-is-wrong")
        prompt.expect(r"\(error\) .*:\d+> ")
        prompt.enter("EXISTS a")
        prompt.expect(r"\(integer\) 1\r\n.*:\d+> ")
        prompt.type(UP + b"\r")
        prompt.expect(r"\(integer\) 1\r\n.*:\d+> ")
        # A command that waits is left, and the next one gets its own reply.
        prompt.enter("BLPOP a-list-of-nobody 0")
        wait_until_blocked(prompt.said)
        prompt.type(CTRL_C)
        prompt.expect(r"\n.*:\d+> ")
        prompt.enter("ECHO again")
        prompt.expect(r'"again"\r\n.*:\d+> ')
        prompt.type(CTRL_D)
        check_equal(prompt.end(), 0, "status of a prompt that is left with Ctrl-D", prompt.said)

    history = Path(environment["XDG_STATE_HOME"]) / "shardform/history"
    kept = history.read_text()
    check("EXISTS a" in kept, "the history has what was asked", kept)
    check("secret" not in kept, "the history has no secrets", kept)
    with Prompt(command, environment, plan_file.parent) as prompt:
        prompt.expect(r":\d+> ")
        prompt.type(UP)
        prompt.expect(r"ECHO again")
        prompt.type(CTRL_C)
        prompt.expect(r":\d+> ")
        prompt.enter("quit")
        check_equal(prompt.end(), 0, "status of a prompt that is left with quit", prompt.said)


class Prompt:
    """A program at a terminal; use it in a `with`."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path):
        self.ours, theirs = pty.openpty()
        rows_and_columns = struct.pack("HHHH", 24, 80, 0, 0)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, rows_and_columns)
        # A session of its own, with this terminal for its own: Ctrl-C becomes a signal as at any other.
        self.child = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=take_terminal,
        )
        os.close(theirs)
        self.said = ""
        self.seen = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.ours)
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def type(self, keys: bytes):
        """Presses keys."""
        os.write(self.ours, keys)

    def enter(self, line: str):
        """Types a line and Enter."""
        self.type(line.encode() + b"\r")

    def expect(self, pattern: str):
        """Waits until what is said since the last time has the pattern."""
        deadline = time.monotonic() + DEADLINE_S
        while not (found := re.search(pattern, plain(self.said[self.seen :]), re.DOTALL)):
            self._read(deadline, pattern)
        self.seen = len(self.said)
        return found

    def _read(self, deadline: float, pattern: str):
        if not select.select([self.ours], [], [], max(0, deadline - time.monotonic()))[0]:
            raise Failure(f"in vain: {pattern!r} after\n{self.said[self.seen:]!r}\nof\n{self.said}")
        try:
            part = os.read(self.ours, 4096)
        except OSError as error:  # Linux tells so that the other side has closed.
            raise Failure(f"it has ended without {pattern!r}:\n{self.said}") from error
        self.said += part.decode(errors="replace")

    def end(self) -> int:
        """Its status; what it still says is read, so that it doesn't wait."""
        try:
            while select.select([self.ours], [], [], DEADLINE_S)[0] and (part := os.read(self.ours, 4096)):
                self.said += part.decode(errors="replace")
        except OSError:
            pass
        return self.child.wait(timeout=DEADLINE_S)


def wait_until_blocked(said: str):
    """Waits until a node that the prompt was at has a client that waits: from then on Ctrl-C leaves the command, and
    once is enough. What is typed right behind a second Ctrl-C belongs to the line that it gives up."""
    nodes = {(host, int(port)) for host, port in re.findall(r"([\d.]+):(\d+)(?=> |\r\n)", said)}
    deadline = time.monotonic() + DEADLINE_S
    while not any(blocked_clients(*node) for node in nodes):
        if time.monotonic() > deadline:
            raise Failure(f"no node has a client that waits:\n{said}")


def blocked_clients(host: str, port: int) -> int:
    """How many clients of a node wait for a list or the like."""
    with socket.create_connection((host, port), timeout=DEADLINE_S) as node, node.makefile("rb") as replies:
        node.sendall(b"INFO clients\r\n")
        information = replies.read(int(replies.readline()[1:]))
    return int(re.search(rb"blocked_clients:(\d+)", information)[1])


def take_terminal():
    """Makes standard input the terminal that signals come from."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def plain(text: str) -> str:
    """Without what only moves the cursor or changes colors."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
