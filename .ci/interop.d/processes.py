"""Processes that a scenario starts, and their end.

Each gets a session of its own and a log file, and is ended by the process id that we were given when we started it,
never by a name.
"""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from check import Failure

# Variables of the caller that stay; everything else (credentials, profiles, proxies) must not reach a peer.
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TERM", "TMPDIR", "RUST_BACKTRACE", "LD_LIBRARY_PATH")


def clean_environment(scratch: Path) -> dict[str, str]:
    """The environment of every process of a scenario: test credentials, and all folders below `scratch`."""
    home = scratch / "home"
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    environment |= {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local/share"),
        "XDG_STATE_HOME": str(home / ".local/state"),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "NO_PROXY": "*",
    }
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        Path(environment[name]).mkdir(parents=True, exist_ok=True, mode=0o700)
    return environment


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A peer that runs in the background; use it in a `with`."""

    def __init__(self, name: str, command: list, environment: dict[str, str], scratch: Path):
        self.name = name
        self.log = scratch / "logs" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self.child = subprocess.Popen(
                [str(part) for part in command],
                env=environment,
                cwd=scratch,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def wait_until(self, ready, deadline_s: float):
        """Polls `ready` until it gives something true, and gives up when the process ends or time is over."""
        try:
            return self._poll(ready, time.monotonic() + deadline_s)
        except BaseException:  # an interrupt as well: no `with` ends it yet
            self.end()
            raise

    def _poll(self, ready, deadline: float):
        last_error = None
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise Failure(f"{self.name} ended with status {self.child.returncode} before it was ready")
            try:
                if answer := ready():
                    return answer
            except Exception as error:  # not up yet: whatever the client raises
                last_error = error
            time.sleep(0.1)
        raise Failure(f"{self.name} is not ready in time: {last_error}")

    def end(self, patience_s: float = 30) -> dict[int, str]:
        """Asks it to end, and kills it when it doesn't. What it has left running is killed too, and returned."""
        if self.child.poll() is not None:
            return {}
        below = descendants(self.child.pid)
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        commands = {process: command for process, (_, command) in processes().items()}
        # By id and command line, so that nobody who has got a freed id is hit.
        left = {process: command for process, command in below.items() if commands.get(process) == command}
        for process in left:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return left


def processes() -> dict[int, tuple[int, str]]:
    """Every process: its parent and its command line, by process id."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], check=True, capture_output=True, text=True)
    rows = (line.split(maxsplit=2) for line in listing.stdout.splitlines())
    return {int(row[0]): (int(row[1]), "".join(row[2:])) for row in rows}


def descendants(pid: int) -> dict[int, str]:
    """Processes below `pid`: command lines by process id."""
    children: dict[int, list[int]] = {}
    commands = {}
    for process, (parent, command) in processes().items():
        children.setdefault(parent, []).append(process)
        commands[process] = command
    found, queue = {}, [pid]
    while queue:
        for child in children.get(queue.pop(), []):
            found[child] = commands[child]
            queue.append(child)
    return found


def running_below(folder: Path) -> dict[int, str]:
    """Processes that work in `folder`, by their working directory (only where the system has /proc)."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(entry / "cwd")).is_relative_to(folder):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # ended meanwhile, or not ours
            continue
    return found
