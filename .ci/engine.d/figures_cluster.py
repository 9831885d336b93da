"""Figures of a cluster: memory of an idle node, time to form one, time without writes when a primary goes."""

import time
from statistics import median

from cluster import NODE_OPTIONS, Writer, form, is_whole, key_slot, wait_for
from context import Context
from servers import Fleet, Program

SHARDS, REPLICAS = 3, 1
SETTLE_S = 1.5
"""A node's own tables have their size, and its peers have spoken to it."""
TAKEOVER_S = 15


def idle_bytes(context: Context, program: Program) -> int:
    """Resident memory of a cluster node that nobody uses."""
    with Fleet(context.fresh_folder("figures"), context.ports) as fleet:
        server = fleet.start(program, NODE_OPTIONS)
        time.sleep(SETTLE_S)
        return server.resident_bytes()


def formation_s(context: Context, program: Program) -> float:
    """From nothing to a whole cluster of 3 x 2 in every node's view."""
    with Fleet(context.fresh_folder("figures"), context.ports) as fleet:
        start = time.monotonic()
        form([program] * SHARDS * (1 + REPLICAS), fleet, SHARDS)
        return time.monotonic() - start


def without_writes_s(context: Context, program: Program) -> tuple[float, float]:
    """How long a shard takes no writes: in a CLUSTER FAILOVER, and after a kill -9 of its primary, in seconds."""
    with Fleet(context.fresh_folder("figures"), context.ports) as fleet:
        nodes = form([program] * SHARDS * (1 + REPLICAS), fleet, SHARDS)
        writer = Writer(nodes, key_of(nodes))
        writer.write_for(0.3)
        primary, replica = nodes[0], nodes[SHARDS]
        asked = time.monotonic()
        replica.ask("CLUSTER", "FAILOVER")
        writer.write_for(2)
        failover = writer.longest_gap_s(asked)
        wait_for("the new roles", lambda: all(is_whole(node, SHARDS, 1 + REPLICAS) for node in nodes))
        # A second vote within twice the node timeout may be refused.
        time.sleep(2.5)
        writer.write_for(0.3)
        killed = time.monotonic()
        (replica if b"master" == replica.ask("ROLE")[0] else primary).kill()
        writer.write_until(1, TAKEOVER_S)
        writer.write_for(0.2)
        gap = writer.longest_gap_s(killed)
        writer.close()
        return failover, gap


def key_of(nodes) -> bytes:
    """A key in a slot of the first primary."""
    end = nodes[0].ask("CLUSTER", "SLOTS")[0][1]
    return next(key for key in (b"key:%d" % number for number in range(10_000)) if key_slot(key) <= end)


def medians(measure, rounds: int) -> list[float]:
    """Each figure's median of several runs."""
    results = [measure() for _ in range(rounds)]
    return [median(column) for column in zip(*((r if isinstance(r, tuple) else (r,)) for r in results))]
