"""Runs one file of Redis's suite against one program, to the file's end even where a test hangs or ends the server."""

import shutil
import signal
import subprocess
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

import suite_output
from ports import Ports
from servers import Fleet, Program, end_group
from suite_files import EXTERNAL, SuiteFile

RUNS = 6
"""How often a file is begun again, each time without the test that stopped it."""
SILENCE_S = 30
"""Without progress for so long, a test hangs."""
SPAWNED_PORTS = 60
RUNNER_PORTS = 32
"""The runner listens itself on one of so many ports below the first port of the servers."""
EXTERNAL_OPTIONS = {
    "enable-protected-configs": "yes",
    "enable-debug-command": "yes",
    "enable-module-command": "yes",
    "databases": "16",
}
GONE = ("I/O error reading reply", "couldn't open socket", "connection refused", "broken pipe", "connection reset")


@dataclass
class Result:
    """What a program does with a file."""

    file: str
    passed: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)
    """Tests that ended the server or never ended themselves, and how."""
    trouble: str = ""
    duration_s: float = 0.0

    @property
    def passes(self) -> int:
        """How many tests passed."""
        return sum(self.passed.values())

    def as_json(self) -> dict:
        """For a file."""
        return asdict(self)


class Tree:
    """A folder that looks like Redis's source to the suite, with a program in the place of the built redis-server."""

    def __init__(self, source: Path, folder: Path, program: Program, functions: bool):
        self.folder = folder
        (folder / "tests" / "tmp").mkdir(parents=True, exist_ok=True)
        (folder / "src").mkdir(exist_ok=True)
        for entry in (source / "tests").iterdir():
            if entry.name not in ("support", "unit"):
                link(folder / "tests" / entry.name, entry)
        copy_units(source / "tests" / "unit", folder / "tests" / "unit", functions)
        copy_support(source / "tests" / "support", folder / "tests" / "support")
        for name in ("utils", "redis.conf", "sentinel.conf"):
            link(folder / name, source / name)
        program.wrapper(folder / "src" / "redis-server")
        for name in ("redis-cli", "redis-benchmark", "redis-check-aof", "redis-check-rdb"):
            link(folder / "src" / name, Path("/usr/bin") / name)


def copy_units(source: Path, folder: Path, functions: bool):
    """The tests. Those of scripts run twice, by EVAL and by functions; without `functions` by EVAL alone."""
    shutil.copytree(source, folder, dirs_exist_ok=True)
    if not functions:
        scripting = folder / "scripting.tcl"
        scripting.write_text(scripting.read_text().replace("foreach is_eval {0 1}", "foreach is_eval {1}"))


def copy_support(source: Path, folder: Path):
    """The runner's own parts, so changed that it goes on with a server that has no functions to remove."""
    shutil.copytree(source, folder, dirs_exist_ok=True)
    runner = folder / "server.tcl"
    runner.write_text(runner.read_text().replace("    r function flush\n", "    catch {r function flush}\n"))


def link(path: Path, target: Path):
    """A symbolic link, unless there is something already."""
    if not path.exists() and not path.is_symlink():
        path.symlink_to(target.resolve())


def run_file(file: SuiteFile, program: Program, tree: Tree, scratch: Path, ports: Ports, first_port: int) -> Result:
    """All tests of a file."""
    start, result, skipped = time.monotonic(), Result(file.path), []
    for _ in range(RUNS):
        left_s = file.limit_s - (time.monotonic() - start)
        if left_s <= 0:
            break
        outcome, server_lives = run_once(file, program, tree, scratch, ports, first_port, skipped, left_s)
        merge(result, outcome)
        stopped_in = outcome.culprit if not outcome.ended else None if server_lives else first_without_server(outcome)
        if stopped_in is None or stopped_in in skipped:
            break
        result.stopped[stopped_in] = outcome.trouble.split("\n")[0] or "the server has ended"
        skipped.append(stopped_in)
    result.duration_s = round(time.monotonic() - start, 1)
    return result


def run_once(file, program, tree, scratch, ports, first_port, skipped, limit_s) -> tuple[suite_output.Outcome, bool]:
    """One run, and whether the server that it was pointed to has survived it."""
    skip_list = scratch / "skipped"
    skip_list.write_text("".join(f"{name}\n" for name in skipped))
    words = ["tclsh", "tests/test_helper.tcl", "--single", file.path, "--durable", "--skipfile", str(skip_list)]
    words += ["--tags", "-slow", "--timeout", str(SILENCE_S)]
    if file.mode != EXTERNAL:
        words += ["--clients", "1", "--baseport", str(first_port + RUNNER_PORTS), "--portcount", str(SPAWNED_PORTS)]
        return run_tcl(words, tree.folder, limit_s), True
    with Fleet(scratch, ports) as fleet:
        server = fleet.start(program, EXTERNAL_OPTIONS)
        words += ["--host", "127.0.0.1", "--port", str(server.port), "--baseport", str(first_port + RUNNER_PORTS)]
        return run_tcl(words, tree.folder, limit_s), server.is_running


def run_tcl(words: list[str], folder: Path, limit_s: float) -> suite_output.Outcome:
    """The runner, with all that it starts, for no longer than `limit_s`."""
    output = folder / "output"
    with output.open("wb") as stdout:
        child = subprocess.Popen(
            words,
            cwd=folder,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "TERM": "dumb", "HOME": str(folder), "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            child.wait(limit_s)
            late = ""
        except subprocess.TimeoutExpired:
            late = f"the file's time of {limit_s:.0f} s is over"
        finally:
            end_group(child, signal.SIGKILL)
    outcome = suite_output.read(output.read_text(errors="replace"))
    outcome.trouble = outcome.trouble or late
    return outcome


def merge(result: Result, outcome: suite_output.Outcome):
    """Adds a run: a test that has passed once, passes."""
    result.passed = dict(Counter(result.passed) | outcome.passed)
    result.failed |= outcome.failed
    result.trouble = outcome.trouble if not outcome.ended else ""
    for name in outcome.passed.keys() - outcome.failed.keys():
        result.failed.pop(name, None)


def first_without_server(outcome: suite_output.Outcome) -> str | None:
    """The first test that failed for want of a server: the one that ended it."""
    for name, details in outcome.failed.items():
        if any(words.lower() in details.lower() for words in GONE):
            return name
    return None
