"""The command lines that a scenario uses: `shardform`, `aws` and `redis-cli`."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from check import Failure, check, check_equal

NOTHING_LEFT_UNDONE, SOMETHING_LEFT, CHANGES = 0, 1, 2


@dataclass
class Outcome:
    """What a finished command has said."""

    command: list[str]
    status: int
    stdout: str
    stderr: str

    def __str__(self):
        return f"$ {' '.join(self.command)}\n[status {self.status}]\n{self.stdout}{self.stderr}"

    @property
    def text(self) -> str:
        """Both streams together."""
        return self.stdout + self.stderr

    def json(self):
        """stdout as one JSON value."""
        try:
            return json.loads(self.stdout)
        except ValueError as error:
            raise Failure(f"stdout is not one JSON value: {error}\n{self}") from error

    def says(self, *words: str):
        """Checks that each of `words` is in the output, in whatever case."""
        for word in words:
            check(word.lower() in self.text.lower(), f"the output should say {word!r}", self)
        return self


def run(command: list, environment: dict[str, str], folder: Path, deadline_s: float = 120, wanted=(0,)) -> Outcome:
    """Runs `command` and checks its status. One line of progress each."""
    command = [str(part) for part in command]
    start = time.monotonic()
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=deadline_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        streams = [(stream or b"").decode(errors="replace") for stream in (error.stdout, error.stderr)]
        raise Failure(f"still runs after {deadline_s:.0f} s: {' '.join(command)}\n{''.join(streams)}") from error
    outcome = Outcome(command, done.returncode, done.stdout, done.stderr)
    shown = " ".join(Path(part).name if part.startswith("/") else part for part in command)
    print(f"    {time.monotonic() - start:6.1f} s  status {outcome.status}  {shown[:110]}", flush=True)
    check(outcome.status in wanted, f"status should be {' or '.join(map(str, wanted))}", outcome)
    return outcome


class Shardform:
    """`shardform` with a plan file, in one environment."""

    def __init__(self, binaries: Path, plan_file: Path, environment: dict[str, str], *options: str):
        self.program = [binaries / "shardform", *options]
        self.plan_file = plan_file
        self.environment = environment

    def run(self, subcommand: str, *options: str, wanted=(NOTHING_LEFT_UNDONE,), deadline_s: float = 300) -> Outcome:
        """`shardform SUBCOMMAND PLAN_FILE OPTIONS`."""
        command = [*self.program, subcommand, self.plan_file, *options]
        return run(command, self.environment, self.plan_file.parent, deadline_s, wanted)

    def plan(self) -> dict:
        """`plan --json`, with the shape checked."""
        plan = self.run("plan", "--json").json()
        for key in ("stack", "region", "changes", "steps", "summary"):
            check(key in plan, f"the plan's JSON lacks {key!r}", plan)
        for change in plan["changes"]:
            for key in ("address", "action", "reason", "fields"):
                check(key in change, f"a change lacks {key!r}", change)
            for field in change["fields"]:
                check({"path", "before", "after"} <= field.keys(), "a field lacks path, before or after", field)
        actions = [change["action"] for change in plan["changes"]]
        check_equal(set(plan["summary"]), {"create", "update", "replace", "delete"}, "keys of the summary")
        for action, count in plan["summary"].items():
            check_equal(count, actions.count(action), f"the summary's count of {action!r} and the changes", plan)
        return plan

    def expect_plan(self, stack: str, wanted: dict[str, str]) -> dict:
        """Checks that the plan is exactly the actions `wanted`, by address, and that both exit statuses say so."""
        plan = self.plan()
        check_equal(plan["stack"], stack, "stack")
        check_equal(plan["region"], "us-east-1", "region")
        check_equal({c["address"]: c["action"] for c in plan["changes"]}, wanted, "changes by address", plan)
        check_equal(bool(plan["steps"]), bool(wanted), "steps where there are changes, and else none", plan["steps"])
        outcome = self.run("plan", "--detailed-exitcode", wanted=(CHANGES if wanted else NOTHING_LEFT_UNDONE,))
        if not wanted:
            outcome.says("nothing to change")
        return plan


def aws(url: str, environment: dict[str, str], folder: Path, *arguments: str) -> dict:
    """`aws ARGUMENTS`, from this script's virtual environment, against `url`."""
    program = [Path(sys.executable).parent / "aws", "--endpoint-url", url, "--output", "json"]
    return run([*program, *arguments], environment, folder).json()


class Redis:
    """`redis-cli -c` against one endpoint."""

    def __init__(self, host: str, port: int, environment: dict[str, str], folder: Path):
        self.program = ["redis-cli", "-c", "-h", host, "-p", str(port)]
        self.environment = environment
        self.folder = folder

    def ask(self, *arguments: str) -> str:
        """One command's answer."""
        outcome = run([*self.program, *arguments], self.environment, self.folder, deadline_s=30)
        check(not outcome.stdout.startswith(("ERR", "MOVED", "CLUSTERDOWN", "(error)")), "redis-cli fails", outcome)
        return outcome.stdout.strip()

    def ask_all(self, lines: list[str]) -> list[str]:
        """The answers to many commands, over one connection."""
        done = subprocess.run(
            self.program,
            env=self.environment,
            cwd=self.folder,
            input="\n".join(lines) + "\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        check_equal(done.returncode, 0, "status of redis-cli", done.stdout, done.stderr)
        return done.stdout.splitlines()

    def expect_gone(self):
        """Checks that nobody listens there any more."""
        run([*self.program, "PING"], self.environment, self.folder, deadline_s=30, wanted=(1,))
