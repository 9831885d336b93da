"""Clusters of nodes, whichever programs they are: formed by commands alone, looked at, written to."""

import time
from collections.abc import Callable

import resp
from servers import Fleet, Program, Server

SLOTS = 16384
NODE_OPTIONS = {
    "cluster-enabled": "yes",
    "cluster-node-timeout": "1000",
    "repl-ping-replica-period": "1",
    "repl-diskless-sync-delay": "0",
}
REFUSALS = ("MOVED", "ASK", "CLUSTERDOWN", "TRYAGAIN", "LOADING", "READONLY", "MASTERDOWN")
"""How a reply begins that says: elsewhere, or later."""


def key_slot(key: bytes) -> int:
    """The hash slot of a key without a hash tag."""
    crc = 0
    for byte in key:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc % SLOTS


def wait_for(what: str, ready: Callable, deadline_s: float = 60, pause_s: float = 0.01):
    """Polls until `ready` gives something true; what goes wrong meanwhile counts as not yet."""
    deadline, last = time.monotonic() + deadline_s, None
    while time.monotonic() < deadline:
        try:
            if answer := ready():
                return answer
        except (OSError, resp.Closed, ValueError, KeyError, TypeError) as error:
            last = error
        time.sleep(pause_s)
    raise RuntimeError(f"not in time: {what} ({last})")


def nodes_seen_by(server: Server) -> list[list[str]]:
    """CLUSTER NODES as words, a line a node."""
    return [line.split() for line in bytes(server.ask("CLUSTER", "NODES")).decode().splitlines()]


def cluster_info(server: Server) -> dict[str, str]:
    """CLUSTER INFO as a dictionary."""
    text = bytes(server.ask("CLUSTER", "INFO")).decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def expect_ok(reply):
    """Raises unless a reply is OK."""
    if reply != b"OK":
        raise RuntimeError(f"the reply should be OK: {reply!r}")


def is_whole(server: Server, shards: int, members: int) -> bool:
    """Whether a node sees every slot served, each shard with all of its members, and, as a replica, its master's data."""
    slots = server.ask("CLUSTER", "SLOTS")
    if not isinstance(slots, list) or cluster_info(server)["cluster_state"] != "ok":
        return False
    covered = sum(entry[1] - entry[0] + 1 for entry in slots)
    sizes = {bytes(entry[2][2]): len(entry) - 2 for entry in slots}
    if covered != SLOTS or len(sizes) != shards or any(size != members for size in sizes.values()):
        return False
    with server.connect() as connection:
        return resp.information(connection, "replication").get("master_link_status", "up") == "up"


def form(programs: list[Program], fleet: Fleet, shards: int, options: dict[str, str] | None = None) -> list[Server]:
    """Starts a node for each program and makes a whole cluster of them: first the primaries, then replicas in turn."""
    nodes = [fleet.add(program, NODE_OPTIONS | (options or {})).spawn() for program in programs]
    for node in nodes:
        node.wait_until_up()
    for number, primary in enumerate(nodes[:shards]):
        first, after = SLOTS * number // shards, SLOTS * (number + 1) // shards
        expect_ok(primary.ask("CLUSTER", "ADDSLOTSRANGE", first, after - 1))
        expect_ok(primary.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1))
    for other in nodes[1:]:
        expect_ok(nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", other.port))
    for number, replica in enumerate(nodes[shards:]):
        name = bytes(nodes[number % shards].ask("CLUSTER", "MYID")).decode()
        wait_for("CLUSTER REPLICATE", lambda replica=replica, name=name: replica.ask("CLUSTER", "REPLICATE", name) == b"OK")
    members = len(nodes) // shards
    for node in nodes:
        wait_for("a whole cluster", lambda node=node: is_whole(node, shards, members))
    return nodes


class Writer:
    """Writes one key for as long as is wanted, wherever it has to go, and notes when each write was acknowledged."""

    def __init__(self, nodes: list[Server], key: bytes):
        self.nodes, self.key = nodes, key
        self.connections: dict[int, resp.Connection] = {}
        self.port = nodes[0].port
        self.acknowledged: list[float] = []

    def write(self) -> bool:
        """One try; moves on to another node where that is asked for or where nobody answers."""
        try:
            if self.port not in self.connections:
                self.connections[self.port] = resp.Connection(self.port, timeout_s=0.5)
            reply = self.connections[self.port].ask(b"SET", self.key, b"%d" % len(self.acknowledged))
        except (OSError, resp.Closed):
            self._forget()
            return False
        if reply == b"OK":
            self.acknowledged.append(time.monotonic())
            return True
        words = bytes(reply).decode().split()
        if words[0] == "MOVED":
            self.port = int(words[2].rpartition(":")[2])
        return False

    def _forget(self):
        if connection := self.connections.pop(self.port, None):
            connection.close()
        living = [node.port for node in self.nodes if node.is_running and node.port != self.port]
        self.port = living[len(self.acknowledged) % len(living)] if living else self.port

    def write_for(self, duration_s: float):
        """Writes as fast as it can."""
        end = time.monotonic() + duration_s
        while time.monotonic() < end:
            if not self.write():
                time.sleep(0.0005)

    def write_until(self, wanted: int, deadline_s: float):
        """Writes until so many more are acknowledged."""
        goal, end = len(self.acknowledged) + wanted, time.monotonic() + deadline_s
        while len(self.acknowledged) < goal and time.monotonic() < end:
            if not self.write():
                time.sleep(0.0005)

    def longest_gap_s(self, since: float) -> float:
        """The longest time between two acknowledged writes, the second of which came after `since`."""
        times = self.acknowledged
        return max((later - earlier for earlier, later in zip(times, times[1:]) if later > since), default=float("inf"))

    def close(self):
        """Closes its connections."""
        for connection in self.connections.values():
            connection.close()
