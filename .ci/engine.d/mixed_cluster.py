"""A cluster of nine nodes, some ours and some redis-server: formed, resharded, and every node killed in turn under load."""

import time
from dataclasses import dataclass

import tools
from cluster import cluster_info, expect_ok, nodes_seen_by, wait_for
from cluster_load import Load
from context import Context
from resp import information
from servers import Fleet, Server
from table import render

NAME = "mixed-cluster"
SHARDS, REPLICAS = 3, 2
ALLOWED_BEFORE_KILL_S = 1.0
"""Writes that a primary acknowledged so shortly before its end may be lost: replication is asynchronous."""
OPTIONS = {"cluster-enabled": "yes", "cluster-node-timeout": "2000", "repl-diskless-sync-delay": "0", "repl-ping-replica-period": "1"}


def add_options(parser):
    """The suite's options."""
    parser.add_argument("--writers", type=int, default=4, help="threads that write")
    parser.add_argument("--slots", type=int, default=300, help="slots of each resharding")


@dataclass
class Kill:
    """What the end of one node did."""

    node: str
    role: str
    at: float
    without_writes_s: float = 0.0
    whole_after_s: float = 0.0
    lost: int = 0


def run(context: Context) -> int:
    """Exit status 0 when everything becomes whole again and no write is lost beyond what is allowed."""
    tools.need({"redis-server": "redis-server", "redis-cli": "redis-tools"})
    # Primaries: ours, theirs, ours; the replicas that redis-cli gives them are of both kinds.
    kinds = [context.ours, context.redis] * 4 + [context.ours]
    with Fleet(context.fresh_folder(NAME), context.ports) as fleet:
        nodes = [fleet.start(program, OPTIONS) for program in kinds]
        create(nodes, context)
        mix(nodes)
        with Load([node.port for node in nodes], context.options.writers) as load:
            time.sleep(1)
            moves = [reshard(nodes, source, target, context) for source, target in ((0, 1), (1, 2), (2, 0))]
            kills = [kill(node, nodes, load, context) for node in nodes]
        check(nodes, context)
        lost = load.lost()
        return report(context, load, moves, kills, lost)


def create(nodes: list[Server], context: Context):
    """`redis-cli --cluster create`."""
    addresses = [f"127.0.0.1:{node.port}" for node in nodes]
    tools.run(["redis-cli", "--cluster", "create", *addresses, "--cluster-replicas", REPLICAS, "--cluster-yes"], deadline_s=120)
    wait_until_whole(nodes)
    check(nodes, context)


def check(nodes: list[Server], context: Context):
    """`redis-cli --cluster check`, asked of one node of each kind."""
    for node in nodes[:2]:
        wait_for("redis-cli --cluster check", lambda node=node: "All 16384 slots covered" in tools.run(["redis-cli", "--cluster", "check", f"127.0.0.1:{node.port}"]), 30, 0.5)
    context.say("redis-cli --cluster check: good, asked of both kinds")


def wait_until_whole(nodes: list[Server]) -> float:
    """Waits until every node sees all slots served, nobody failed, and every replica has its primary's data."""
    start = time.monotonic()
    for node in nodes:
        wait_for(f"a whole cluster in the view of {label(node)}", lambda node=node: sees_all(node, len(nodes)), 120, 0.05)
    wait_for("all nodes' agreement about slots", lambda: len({served(node) for node in nodes}) == 1, 60, 0.05)
    return time.monotonic() - start


def served(view: Server) -> tuple:
    """Who serves which slots in a node's view."""
    return tuple(sorted((line[0], *line[8:]) for line in nodes_seen_by(view) if len(line) > 8))


def sees_all(node: Server, members: int) -> bool:
    """One node's view."""
    seen = nodes_seen_by(node)
    if len(seen) != members or cluster_info(node)["cluster_state"] != "ok" or cluster_info(node)["cluster_slots_ok"] != "16384":
        return False
    if any("fail" in line[2] or "handshake" in line[2] or "disconnected" in line[7] for line in seen):
        return False
    with node.connect() as connection:
        return information(connection, "replication").get("master_link_status", "up") == "up"


def reshard(nodes: list[Server], source: int, target: int, context: Context) -> dict:
    """`redis-cli --cluster reshard` from one primary to another, under load."""
    primaries = [node for node in nodes if role(node) == "master"]
    wait_until_whole(nodes)
    start, slots = time.monotonic(), context.options.slots
    ids = [bytes(primaries[place].ask("CLUSTER", "MYID")).decode() for place in (source, target)]
    words = ["redis-cli", "--cluster", "reshard", f"127.0.0.1:{nodes[0].port}", "--cluster-from", ids[0], "--cluster-to", ids[1]]
    tools.run([*words, "--cluster-slots", slots, "--cluster-yes"], deadline_s=300)
    move = {"from": label(primaries[source]), "to": label(primaries[target]), "slots": slots, "seconds": round(time.monotonic() - start, 1)}
    context.say(f"moved {slots} slots from {move['from']} to {move['to']} in {move['seconds']} s")
    return move


def kill(node: Server, nodes: list[Server], load: Load, context: Context) -> Kill:
    """kill -9 under load; a primary comes back when another has its place, as it comes back empty."""
    result = Kill(label(node), role(node), time.monotonic())
    others = [other for other in nodes if other is not node]
    name = bytes(node.ask("CLUSTER", "MYID")).decode()
    node.kill()
    if result.role == "master":
        wait_for("another primary", lambda: all(has_no_slots(other, name) for other in others), 60, 0.05)
    time.sleep(0.5)
    node.start()
    wait_until_whole(nodes)
    result.whole_after_s = time.monotonic() - result.at
    time.sleep(0.5)
    times = [moment for moment in load.times() if moment > result.at - 1]
    result.without_writes_s = max((later - earlier for earlier, later in zip(times, times[1:])), default=float("inf"))
    context.say(f"killed {result.node} ({result.role}): writes stopped for {result.without_writes_s:.2f} s, whole after {result.whole_after_s:.1f} s")
    return result


def has_no_slots(view: Server, name: str) -> bool:
    """Whether a node serves nothing any more in another's view, and the slots are served."""
    [line] = [line for line in nodes_seen_by(view) if line[0] == name]
    return len(line) <= 8 and cluster_info(view)["cluster_state"] == "ok"


def role(node: Server) -> str:
    """`master` or `slave`."""
    return bytes(node.ask("ROLE")[0]).decode()


def label(node: Server) -> str:
    """Program and port."""
    return f"{node.program.name}:{node.port}"


def mix(nodes: list[Server]):
    """Gives each primary one replica of each kind, so that either kind follows either kind."""
    for place, replica in enumerate(nodes[SHARDS:]):
        primary = nodes[place // REPLICAS]
        expect_ok(replica.ask("CLUSTER", "REPLICATE", bytes(primary.ask("CLUSTER", "MYID")).decode()))
        print(f"{label(replica)} replicates {label(primary)}")
    wait_until_whole(nodes)


def report(context: Context, load: Load, moves: list[dict], kills: list[Kill], lost: dict[bytes, float]) -> int:
    """The table, the numbers, and the verdict."""
    unexplained = 0
    for moment in lost.values():
        near = [one for one in kills if one.role == "master" and -0.5 <= one.at - moment <= ALLOWED_BEFORE_KILL_S]
        if near:
            near[0].lost += 1
        else:
            unexplained += 1
    rows = [[k.node, k.role, f"{k.without_writes_s:.2f}", f"{k.whole_after_s:.1f}", k.lost] for k in kills]
    print(render(["killed", "role", "s without writes", "s until whole", "acknowledged writes lost"], rows))
    total = sum(len(noted) for noted in load.acknowledged)
    print(f"{total} writes acknowledged; lost: {len(lost)}, of which {unexplained} not shortly before a primary's end")
    print(f"refusals that writers met: {load.errors}")
    kills_shown = [one.__dict__ for one in kills]
    context.write_json(NAME, {"acknowledged": total, "lost": len(lost), "unexplained": unexplained, "moves": moves, "kills": kills_shown})
    return 1 if unexplained else 0
