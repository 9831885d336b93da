"""The files of Redis's suite that are run: how each is started, how far the engine must get in it, how long it may take."""

from dataclasses import dataclass

EXTERNAL, SPAWNED = "external", "spawned"
MOST, MANY, REST = "95", "85", "rest"
THRESHOLDS = {MOST: 95.0, MANY: 85.0, REST: 0.0}
"""Per cent of what redis-server passes, by group."""


@dataclass(frozen=True)
class SuiteFile:
    """One file of `tests/`, without its ending."""

    path: str
    mode: str
    group: str
    limit_s: int

    @property
    def name(self) -> str:
        """Its short name."""
        return self.path.removeprefix("unit/").removeprefix("integration/").removeprefix("type/")


def rows(mode: str, group: str, limit_s: int, folder: str, names: str) -> list[SuiteFile]:
    """Files of one kind."""
    return [SuiteFile(f"{folder}/{name}", mode, group, limit_s) for name in names.split()]


FILES = [
    *rows(EXTERNAL, MOST, 300, "unit/type", "string incr hash list list-3 set zset"),
    *rows(EXTERNAL, MOST, 240, "unit", "expire scan keyspace multi pubsub quit protocol bitops dump"),
    *rows(EXTERNAL, MANY, 240, "unit", "scripting other introspection"),
    *rows(SPAWNED, MANY, 300, "unit", "maxmemory auth"),
    *rows(SPAWNED, MANY, 900, "integration", "replication replication-psync"),
    *rows(EXTERNAL, REST, 240, "unit/type", "list-2 stream stream-cgroups"),
    *rows(EXTERNAL, REST, 240, "unit", "bitfield sort slowlog info-command latency-monitor introspection-2 pubsubshard"),
    *rows(EXTERNAL, REST, 240, "unit", "hyperloglog geo functions lazyfree pause tracking wait"),
    *rows(SPAWNED, REST, 300, "unit", "info acl acl-v2 limits querybuf obuf-limits networking client-eviction replybufsize"),
    *rows(SPAWNED, REST, 300, "unit", "shutdown memefficiency cluster cluster/misc cluster/links cluster-scripting"),
    *rows(SPAWNED, REST, 600, "integration", "replication-2 replication-3 replication-4 replication-buffer block-repl"),
    *rows(SPAWNED, REST, 600, "integration", "psync2 psync2-reg psync2-pingoff psync2-master-restart failover shutdown"),
    *rows(SPAWNED, REST, 300, "integration", "logging rdb redis-cli redis-benchmark"),
]


def chosen(names: list[str], groups: list[str]) -> list[SuiteFile]:
    """Files by path or short name, else all of the groups."""
    unknown = [name for name in names if not any(name in (file.name, file.path) for file in FILES)]
    if unknown:
        raise ValueError(f"not among the suite's files: {', '.join(unknown)}")
    if names:
        return [file for file in FILES if file.name in names or file.path in names]
    return [file for file in FILES if file.group in groups]
