"""Speed, memory and times of ours beside redis-server in one run, held against what is demanded."""

import tools
from context import Context
from figures_cluster import formation_s, idle_bytes, medians, without_writes_s
from figures_memory import memory_of_keys
from figures_throughput import throughput
from table import render

NAME = "figures"
PARTS = ("throughput", "idle", "formation", "gaps", "memory")
LIMITS = {"idle": 5e6, "formation": 0.5, "kill": 1.3, "failover": 0.020}
"""Bytes or seconds that ours may take at most."""


def add_options(parser):
    """The suite's options."""
    parser.add_argument("--part", action="append", choices=PARTS, help="else all")
    parser.add_argument("--rounds", type=int, default=5, help="of each measurement; the median counts")
    parser.add_argument("--keys", type=int, default=10_000_000, help="small keys whose memory is measured")
    parser.add_argument("--tolerance", type=float, default=0.0, help="0.05: ours may be five per cent slower")


def run(context: Context) -> int:
    """Exit status 0 when every figure is as demanded."""
    tools.need({"redis-server": "redis-server", "redis-benchmark": "redis-tools"})
    parts = context.options.part or PARTS
    figures = [figure for part in parts for figure in MEASURES[part](context)]
    shown = [[f["name"], f["ours"], f["redis_server"], f["demand"], "" if f["holds"] else "MISSED"] for f in figures]
    print(render(["figure", "ours", "redis-server", "demanded", ""], shown))
    context.write_json(NAME, figures)
    return 0 if all(figure["holds"] for figure in figures) else 1


def figure(name: str, ours: str, theirs: str, demand: str, holds: bool) -> dict:
    """One line."""
    return {"name": name, "ours": ours, "redis_server": theirs, "demand": demand, "holds": holds}


def speeds(context: Context) -> list[dict]:
    """redis-benchmark."""
    least = 1 - context.options.tolerance
    rows = throughput(context, context.options.rounds)
    return [
        figure(f"{r['test']} -P {r['pipeline']}, a second", f"{r['ours']:.0f}", f"{r['redis_server']:.0f}", f"ratio {r['ratio']:.2f} >= {least:.2f}", r["ratio"] >= least)
        for r in rows
    ]


def idle(context: Context) -> list[dict]:
    """Resident memory of an idle cluster node."""
    ours, theirs = idle_bytes(context, context.ours), idle_bytes(context, context.redis)
    return [figure("idle cluster node, MB", megabytes(ours), megabytes(theirs), f"<= {megabytes(LIMITS['idle'])}", ours <= LIMITS["idle"])]


def formation(context: Context) -> list[dict]:
    """From nothing to a whole cluster."""
    rounds = min(3, context.options.rounds)
    [ours], [theirs] = (medians(lambda program=program: formation_s(context, program), rounds) for program in (context.ours, context.redis))
    return [figure("nothing to 3 x 2 cluster, s", f"{ours:.2f}", f"{theirs:.2f}", f"<= {LIMITS['formation']}", ours <= LIMITS["formation"])]


def gaps(context: Context) -> list[dict]:
    """Times without writes."""
    rounds = min(3, context.options.rounds)
    both = [medians(lambda program=program: without_writes_s(context, program), rounds) for program in (context.ours, context.redis)]
    (failover, kill), (their_failover, their_kill) = both
    return [
        figure("CLUSTER FAILOVER, ms without writes", f"{failover * 1e3:.0f}", f"{their_failover * 1e3:.0f}", "<= 20", failover <= LIMITS["failover"]),
        figure("kill -9 of a primary, s without writes", f"{kill:.2f}", f"{their_kill:.2f}", f"<= {LIMITS['kill']}", kill <= LIMITS["kill"]),
    ]


def memory(context: Context) -> list[dict]:
    """Many small keys."""
    keys = context.options.keys
    ours, theirs = memory_of_keys(context, context.ours, keys), memory_of_keys(context, context.redis, keys)
    return [
        figure(f"{keys} small keys, resident MB", megabytes(ours[0]), megabytes(theirs[0]), "<= redis-server", ours[0] <= theirs[0]),
        figure(f"{keys} small keys, used_memory MB", megabytes(ours[1]), megabytes(theirs[1]), "<= redis-server", ours[1] <= theirs[1]),
    ]


def megabytes(count: float) -> str:
    """Millions of bytes."""
    return f"{count / 1e6:.1f}"


MEASURES = {"throughput": speeds, "idle": idle, "formation": formation, "gaps": gaps, "memory": memory}
