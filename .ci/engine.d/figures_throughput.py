"""Throughput by redis-benchmark, ours and redis-server by turns on the same machine."""

import csv
import io
from statistics import median

import tools
from context import Context
from servers import Fleet

CLIENTS = 50
TESTS = ("get", "set", "incr", "lpush", "hset", "zadd")
REQUESTS = {1: 100_000, 16: 600_000}
"""By how many requests are pipelined: about a second each."""


def throughput(context: Context, rounds: int, tests=TESTS, pipelines=tuple(REQUESTS)) -> list[dict]:
    """Requests a second of each test: both programs' medians, and ours as a part of redis-server's."""
    figures = []
    with Fleet(context.fresh_folder("figures"), context.ports) as fleet:
        servers = [fleet.start(program) for program in (context.ours, context.redis)]
        for pipeline in pipelines:
            for test in tests:
                measured: list[list[float]] = [[], []]
                for number in range(rounds):
                    # Who goes first changes, as the second one finds a warmer machine.
                    for side in (0, 1) if number % 2 == 0 else (1, 0):
                        measured[side].append(requests_a_second(servers[side].port, test, pipeline))
                    for server in servers:
                        server.ask("FLUSHALL")
                ours, theirs = (median(side) for side in measured)
                figures.append({"test": test.upper(), "pipeline": pipeline, "ours": ours, "redis_server": theirs, "ratio": ours / theirs})
                context.say(f"{test} -P {pipeline}: {ours:.0f} / {theirs:.0f} = {ours / theirs:.2f}")
    return figures


def requests_a_second(port: int, test: str, pipeline: int) -> float:
    """One run of redis-benchmark."""
    words = ["redis-benchmark", "-p", port, "-c", CLIENTS, "-n", REQUESTS[pipeline], "-P", pipeline, "-t", test, "--csv"]
    output = tools.run(words, deadline_s=120)
    row = next(row for row in csv.DictReader(io.StringIO(output[output.index('"test"') :])))
    return float(row["rps"])
