"""Starting and ending cache servers: the engine and redis-server alike.

Each server has a session of its own and is ended by the ids of its process group, never by a name.
"""

import os
import signal
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import resp
from ports import Ports

START_S = 20
END_S = 10


@dataclass(frozen=True)
class Program:
    """A program that takes redis-server's command line after `command`."""

    name: str
    command: tuple[str, ...]

    def version(self) -> str:
        """What `-v` says."""
        done = subprocess.run([*self.command, "-v"], capture_output=True, text=True, timeout=20, check=False)
        return (done.stdout or done.stderr).strip()

    def wrapper(self, path: Path) -> Path:
        """Writes a script that runs this program, for those who want one file to execute."""
        path.parent.mkdir(parents=True, exist_ok=True)
        words = " ".join(f"'{word}'" for word in self.command)
        path.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        path.chmod(0o755)
        return path


class Server:
    """One running server. Use it in a `with`, or through a `Fleet`."""

    def __init__(self, program: Program, folder: Path, port: int, options: dict[str, str] | None = None):
        self.program, self.folder, self.port = program, folder, port
        self.options = {"port": str(port), "bind": "127.0.0.1", "save": "", "dir": str(folder)} | (options or {})
        self.log = folder / "log"
        self.child: subprocess.Popen | None = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.end()

    def spawn(self):
        """Starts the process and doesn't wait for it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = list(self.program.command)
        for name, value in self.options.items():
            command += [f"--{name}", *(value.split(" ") if name in ("client-output-buffer-limit",) else [value])]
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        return self

    def start(self):
        """Starts it and waits until it answers."""
        self.spawn()
        return self.wait_until_up()

    def wait_until_up(self, deadline_s: float = START_S):
        """Waits until it answers a PING, with whatever."""
        deadline = time.monotonic() + deadline_s
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                break
            try:
                resp.ask(self.port, "PING")
                return self
            except (OSError, resp.Closed):
                time.sleep(0.005)
        self.end()
        raise RuntimeError(f"{self.program.name} on port {self.port} doesn't start:\n{self.last_words()}")

    @property
    def is_running(self) -> bool:
        """Whether its process still lives."""
        return self.child is not None and self.child.poll() is None

    def last_words(self, lines: int = 30) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def connect(self, timeout_s: float = 30) -> resp.Connection:
        """A new connection to it."""
        return resp.Connection(self.port, timeout_s)

    def ask(self, *arguments):
        """One command's reply, on a connection of its own."""
        return resp.ask(self.port, *arguments, timeout_s=30)

    def resident_bytes(self) -> int:
        """Resident memory of its process."""
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) * 1024

    def kill(self):
        """kill -9."""
        end_group(self.child, signal.SIGKILL)

    def end(self):
        """Asks it to end, and kills it when it doesn't."""
        if self.child is not None:
            end_group(self.child, signal.SIGTERM)


def end_group(child: subprocess.Popen, how: signal.Signals, patience_s: float = END_S):
    """Sends a signal to a process and all of its group; whoever is left after a while is killed."""
    for number in (how, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            break
        try:
            child.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
    child.poll()


class Fleet:
    """Servers that end together, at the end of a `with`."""

    def __init__(self, scratch: Path, ports: Ports):
        self.scratch, self.ports = scratch, ports
        self.servers: list[Server] = []
        self._stack = ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def add(self, program: Program, options: dict[str, str] | None = None) -> Server:
        """A server that isn't started yet, on a port and in a folder of its own."""
        port = self.ports.take()
        server = Server(program, self.scratch / f"{program.name}-{port}", port, options)
        self.servers.append(server)
        self._stack.callback(server.end)
        return server

    def start(self, program: Program, options: dict[str, str] | None = None) -> Server:
        """A started server."""
        return self.add(program, options).start()
