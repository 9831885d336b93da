"""redis-rs's own test suite, which starts servers and clusters itself: ours beside redis-server, suite by suite."""

import json
import os
import re
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import redis_rs_source
import tools
from context import Context
from servers import Program, end_group
from table import render

NAME = "redis-rs"
SUITES = ["test_basic", "test_types", "test_async", "test_cluster", "test_cluster_async"]
SILENCE_S = 90
"""A test that says nothing for so long hangs."""
STARTED = re.compile(r"test (\S+)(?: - should panic)? \.\.\. (.*)")
FINISHED = re.compile(r"(ok|FAILED|ignored)\b")


def add_options(parser):
    """The suite's options."""
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}; else all")
    parser.add_argument("--crate", type=Path, help="the source of the crate redis, instead of the one that Cargo.lock names")
    parser.add_argument("--protocol", choices=("RESP2", "RESP3"), default="RESP2", help="RESP2 unless told")
    parser.add_argument("--refresh", action="store_true", help="run redis-server too where its results are known already")


@dataclass
class Result:
    """What a program does with a suite."""

    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    ignored: int = 0


def run(context: Context) -> int:
    """Exit status 0 when ours passes all that redis-server passes."""
    tools.need({"redis-server": "redis-server", "redis-cli": "redis-tools", "openssl": "openssl"})
    options = context.options
    crate = options.crate or redis_rs_source.crate_folder(Path(__file__).parents[2])
    package = redis_rs_source.prepare(crate, context.folder("redis-rs"))
    suites = options.suites or SUITES
    context.say(f"building {crate.name}'s tests")
    programs = redis_rs_source.build(package, suites, context.folder("redis-rs/target"))
    rows, everything = [], {}
    for suite in suites:
        theirs = known(context, suite, crate.name) or run_suite(context, package, programs[suite], context.redis)
        remember(context, suite, crate.name, theirs)
        ours = run_suite(context, package, programs[suite], context.ours)
        missed = sorted(set(theirs.passed) - set(ours.passed))
        rows.append([suite, len(theirs.passed), len(set(theirs.passed) & set(ours.passed)), len(missed)])
        everything[suite] = {"redis_server_passes": len(theirs.passed), "missed": missed, "redis_server_fails": theirs.failed}
        context.say(f"{suite}: {rows[-1][1:]}")
    print(render(["suite", "redis-server passes", "ours of these", "missed"], rows))
    for suite, row in everything.items():
        for name in row["missed"]:
            print(f"  {suite}: {name}")
    context.write_json(NAME, everything)
    return 1 if any(row["missed"] for row in everything.values()) else 0


def known_path(context: Context, suite: str, crate: str) -> Path:
    """Where redis-server's result is kept."""
    return context.folder("known") / f"{crate}-{suite}-{context.options.protocol}.json"


def known(context: Context, suite: str, crate: str) -> Result | None:
    """redis-server's result of an earlier run."""
    path = known_path(context, suite, crate)
    return Result(**json.loads(path.read_text())) if path.exists() and not context.options.refresh else None


def remember(context: Context, suite: str, crate: str, result: Result):
    """Keeps redis-server's result."""
    known_path(context, suite, crate).write_text(json.dumps(result.__dict__))


def run_suite(context: Context, package: Path, program: Path, server: Program) -> Result:
    """All tests of a suite, one at a time; one that hangs is ended and counts as failed."""
    scratch = context.fresh_folder(f"redis-rs-{server.name}")
    environment = os.environ | {
        "REDISRS_SERVER_BIN": str(server.wrapper(scratch / "server")),
        "REDISRS_SERVER_TYPE": "tcp",
        "PROTOCOL": context.options.protocol,
        "TMPDIR": str(scratch),
    }
    listing = tools.run([program, "--list", "--format", "terse"], folder=package)
    waiting = [line.removesuffix(": test") for line in listing.splitlines() if line.endswith(": test")]
    result = Result()
    while waiting:
        before = len(waiting)
        run_tests(program, package, environment, waiting, result)
        if len(waiting) == before:
            result.failed.append(waiting.pop(0))
    return result


def run_tests(program: Path, package: Path, environment: dict, waiting: list[str], result: Result):
    """One run of a test program; takes from `waiting` what has got a result."""
    words = [str(program), "--test-threads=1", "--exact", *waiting]
    child = subprocess.Popen(
        words, cwd=package, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    current = None
    try:
        for line in lines_of(child):
            if line is None:
                break
            if started := STARTED.match(line):
                current, line = started.groups()
            if current and (finished := FINISHED.search(line)):
                note(result, current, finished[1])
                waiting.remove(current)
                current = None
    finally:
        end_group(child, signal.SIGKILL)
    if current in waiting:
        note(result, current, "FAILED")
        waiting.remove(current)


def note(result: Result, test: str, verdict: str):
    """Adds a test's verdict."""
    if verdict == "ignored":
        result.ignored += 1
    else:
        (result.passed if verdict == "ok" else result.failed).append(test)


def lines_of(child: subprocess.Popen):
    """Its output, as far as it goes: also the beginning of a line; `None` when it is silent for too long."""
    selector = selectors.DefaultSelector()
    selector.register(child.stdout, selectors.EVENT_READ)
    rest, last = "", time.monotonic()
    while True:
        if selector.select(timeout=1):
            part = os.read(child.stdout.fileno(), 65536).decode(errors="replace")
            if not part:
                return
            last = time.monotonic()
            *lines, rest = (rest + part).split("\n")
            yield from lines
            if STARTED.match(rest):
                # The test runs now: its verdict follows in the same line.
                yield rest
                rest = ""
        elif time.monotonic() - last > SILENCE_S:
            yield None
