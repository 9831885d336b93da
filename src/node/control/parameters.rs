//! The parameters that a parameter group has: defaults, types, allowed values and how a change takes effect.

use super::engine_versions::numbers;
use super::error::ApiError;

/// One parameter as the table knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParameterRow {
    pub name: &'static str,
    /// ElastiCache's default; empty where it depends on the node type or is unset.
    pub default: &'static str,
    /// `integer` or `string`.
    pub kind: &'static str,
    /// A range such as `0-100`, or a list such as `yes,no`; empty for anything.
    pub allowed: &'static str,
    pub change: Change,
    /// First engine version that has it.
    pub since: &'static str,
    pub description: &'static str,
}

/// How a change of a parameter takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Immediate,
    Reboot,
    /// Not at all: the value is fixed.
    Never,
}

use Change::{Immediate, Never, Reboot};

const ANY: &str = "0-9223372036854775807";
const SWITCH: &str = "yes,no";
const INT: &str = "0-2147483647";

const fn int(
    name: &'static str,
    default: &'static str,
    allowed: &'static str,
    description: &'static str,
) -> ParameterRow {
    ParameterRow { name, default, kind: "integer", allowed, change: Immediate, since: "2.8.6", description }
}

const fn text(
    name: &'static str,
    default: &'static str,
    allowed: &'static str,
    description: &'static str,
) -> ParameterRow {
    ParameterRow { name, default, kind: "string", allowed, change: Immediate, since: "2.8.6", description }
}

const fn since(row: ParameterRow, version: &'static str) -> ParameterRow {
    ParameterRow { since: version, ..row }
}

const fn changes(row: ParameterRow, change: Change) -> ParameterRow {
    ParameterRow { change, ..row }
}

const POLICIES: &str =
    "volatile-lru,allkeys-lru,volatile-lfu,allkeys-lfu,volatile-random,allkeys-random,volatile-ttl,noeviction";

/// All parameters, by name.
const PARAMETERS: &[ParameterRow] = &[
    since(int("acllog-max-len", "128", "1-10000", "The maximum length of the ACL log."), "6.0.0"),
    since(int("active-expire-effort", "1", "1-10", "How hard expired keys are looked for in the background."), "6.0.0"),
    since(int("active-defrag-cycle-max", "75", "1-75", "Maximal effort for defrag in CPU percentage."), "4.0.10"),
    since(int("active-defrag-cycle-min", "5", "1-75", "Minimal effort for defrag in CPU percentage."), "4.0.10"),
    since(
        int(
            "active-defrag-ignore-bytes",
            "104857600",
            "1048576-9223372036854775807",
            "Fragmentation waste to start active defrag.",
        ),
        "4.0.10",
    ),
    since(
        int(
            "active-defrag-max-scan-fields",
            "1000",
            "1-1000000",
            "Fields that are processed from the main dictionary scan.",
        ),
        "4.0.10",
    ),
    since(
        int("active-defrag-threshold-lower", "10", "1-100", "Percentage of fragmentation to start active defrag."),
        "4.0.10",
    ),
    since(
        int(
            "active-defrag-threshold-upper",
            "100",
            "1-100",
            "Percentage of fragmentation at which maximal effort is used.",
        ),
        "4.0.10",
    ),
    since(text("activedefrag", "no", SWITCH, "Enabled active memory defragmentation."), "4.0.10"),
    text("activerehashing", "yes", SWITCH, "Apply rehashing or not."),
    text("appendfsync", "everysec", "always,everysec,no", "fsync policy for AOF persistence."),
    changes(text("appendonly", "no", SWITCH, "Enable Redis persistence."), Never),
    int("client-output-buffer-limit-normal-hard-limit", "0", ANY, "Normal client output buffer hard limit in bytes."),
    int("client-output-buffer-limit-normal-soft-limit", "0", ANY, "Normal client output buffer soft limit in bytes."),
    int(
        "client-output-buffer-limit-normal-soft-seconds",
        "0",
        INT,
        "Normal client output buffer soft limit in seconds.",
    ),
    int(
        "client-output-buffer-limit-pubsub-hard-limit",
        "33554432",
        ANY,
        "Pubsub client output buffer hard limit in bytes.",
    ),
    int(
        "client-output-buffer-limit-pubsub-soft-limit",
        "8388608",
        ANY,
        "Pubsub client output buffer soft limit in bytes.",
    ),
    int(
        "client-output-buffer-limit-pubsub-soft-seconds",
        "60",
        INT,
        "Pubsub client output buffer soft limit in seconds.",
    ),
    changes(
        int(
            "client-output-buffer-limit-replica-hard-limit",
            "",
            ANY,
            "Replica client output buffer hard limit in bytes.",
        ),
        Never,
    ),
    changes(
        int(
            "client-output-buffer-limit-replica-soft-limit",
            "",
            ANY,
            "Replica client output buffer soft limit in bytes.",
        ),
        Never,
    ),
    changes(
        int(
            "client-output-buffer-limit-replica-soft-seconds",
            "60",
            INT,
            "Replica client output buffer soft limit in seconds.",
        ),
        Never,
    ),
    since(
        int(
            "client-query-buffer-limit",
            "1073741824",
            "1048576-1073741824",
            "Max size of a single client query buffer.",
        ),
        "5.0.0",
    ),
    changes(
        since(
            text(
                "close-on-replica-write",
                "yes",
                SWITCH,
                "If enabled, clients that write to a read-only replica are disconnected.",
            ),
            "2.8.23",
        ),
        Never,
    ),
    since(
        text("cluster-allow-pubsubshard-when-down", "yes", SWITCH, "Serve sharded pubsub while the cluster is down."),
        "7.0.0",
    ),
    since(text("cluster-allow-reads-when-down", "no", SWITCH, "Serve reads while the cluster is down."), "6.0.0"),
    changes(since(text("cluster-enabled", "no", SWITCH, "Enable cluster mode."), "3.2.4"), Reboot),
    since(
        text(
            "cluster-require-full-coverage",
            "no",
            SWITCH,
            "Whether the cluster becomes unavailable if one or more slots are not covered.",
        ),
        "3.2.4",
    ),
    changes(int("databases", "16", "1-1200000", "Set the number of databases."), Reboot),
    int(
        "hash-max-listpack-entries",
        "512",
        ANY,
        "The maximum number of hash entries in order for the dataset to be compressed.",
    ),
    int(
        "hash-max-listpack-value",
        "64",
        ANY,
        "The threshold of biggest hash entries in order for the dataset to be compressed.",
    ),
    since(int("hll-sparse-max-bytes", "3000", "1-16000", "HyperLogLog sparse representation bytes limit."), "2.8.6"),
    since(text("lazyfree-lazy-eviction", "no", SWITCH, "Perform an asynchronous delete on evictions."), "4.0.10"),
    since(text("lazyfree-lazy-expire", "no", SWITCH, "Perform an asynchronous delete on expired keys."), "4.0.10"),
    since(text("lazyfree-lazy-server-del", "no", SWITCH, "Perform an asynchronous delete on key updates."), "4.0.10"),
    since(text("lazyfree-lazy-user-del", "no", SWITCH, "Specifies whether DEL behaves like UNLINK."), "6.0.0"),
    since(
        text("lazyfree-lazy-user-flush", "no", "yes,no", "Specifies whether flushes are asynchronous by default."),
        "6.2.0",
    ),
    since(
        int("lfu-decay-time", "1", INT, "The amount of time in minutes to decrement the key counter for LFU eviction."),
        "4.0.10",
    ),
    since(
        int("lfu-log-factor", "10", "1-2147483647", "Log factor for incrementing the key counter for LFU eviction."),
        "4.0.10",
    ),
    since(
        int(
            "list-compress-depth",
            "0",
            INT,
            "Number of quicklist ziplist nodes from each side to exclude from compression.",
        ),
        "3.2.4",
    ),
    since(
        int(
            "list-max-listpack-size",
            "-2",
            "-5,-4,-3,-2,-1,1-9223372036854775807",
            "The number of entries allowed per internal list node.",
        ),
        "3.2.4",
    ),
    since(text("latency-tracking", "no", SWITCH, "Track the latency of each command."), "7.0.0"),
    int(
        "lua-time-limit",
        "5000",
        "5000",
        "Max execution time of a Lua script in milliseconds. 0 for unlimited execution without warnings.",
    ),
    since(int("maxclients", "65000", "1-65000", "The maximum number of Redis clients."), "2.8.6"),
    changes(int("maxmemory", "", ANY, "Maximum memory in bytes, by the node type."), Never),
    text("maxmemory-policy", "volatile-lru", POLICIES, "Max memory policy."),
    int("maxmemory-samples", "3", "1-2147483647", "Max memory samples."),
    since(
        int(
            "min-replicas-max-lag",
            "10",
            INT,
            "The maximum amount of replica lag in seconds beyond which the master would stop taking writes.",
        ),
        "5.0.0",
    ),
    since(
        int(
            "min-replicas-to-write",
            "0",
            INT,
            "The minimum number of replicas that must be present with lag no greater than min-replicas-max-lag.",
        ),
        "5.0.0",
    ),
    text("notify-keyspace-events", "", "", "The keyspace events for Redis to notify Pub/Sub clients about."),
    int("proto-max-bulk-len", "536870912", "1048576-536870912", "Max size of a single element request."),
    changes(
        int(
            "repl-backlog-size",
            "1048576",
            "16384-9223372036854775807",
            "The replication backlog size in bytes for PSYNC.",
        ),
        Immediate,
    ),
    int(
        "repl-backlog-ttl",
        "3600",
        INT,
        "The amount of time in seconds after the master no longer has replicas connected for the backlog to be freed.",
    ),
    changes(
        int(
            "repl-timeout",
            "60",
            "11-60",
            "The timeout in seconds for bulk transfer I/O during sync and master timeout.",
        ),
        Immediate,
    ),
    since(text("rename-commands", "", "", "Commands to be renamed, as pairs."), "5.0.3"),
    text("replica-allow-chaining", "no", "no", "Chaining of replicas."),
    since(text("replica-ignore-maxmemory", "yes", "yes", "Whether replicas ignore maxmemory."), "5.0.0"),
    since(text("replica-lazy-flush", "yes", "yes,no", "Perform an asynchronous flush on the replica."), "5.0.0"),
    int("reserved-memory-percent", "25", "0-100", "The percent of memory reserved for non-cache usage."),
    int(
        "set-max-intset-entries",
        "512",
        ANY,
        "The limit in the size of the set in order for the dataset to be compressed.",
    ),
    since(
        int("set-max-listpack-entries", "128", ANY, "The maximum number of set entries for the compact encoding."),
        "7.2.0",
    ),
    since(
        int("set-max-listpack-value", "64", ANY, "The threshold of biggest set entries for the compact encoding."),
        "7.2.0",
    ),
    int(
        "slowlog-log-slower-than",
        "10000",
        "-1-9223372036854775807",
        "The execution time, in microseconds, to exceed in order for the command to get logged.",
    ),
    int("slowlog-max-len", "128", ANY, "The length of the slow log."),
    since(
        int("stream-node-max-bytes", "4096", ANY, "The maximum size of a single node in a stream in bytes."),
        "5.0.0",
    ),
    since(
        int(
            "stream-node-max-entries",
            "100",
            ANY,
            "The maximum number of items a single node in a stream can contain.",
        ),
        "5.0.0",
    ),
    int("tcp-keepalive", "300", INT, "If non-zero, send ACKs every given number of seconds."),
    int(
        "timeout",
        "0",
        "0,20-2147483647",
        "Close connection if client is idle for a given number of seconds, or never if 0.",
    ),
    since(
        int(
            "tracking-table-max-keys",
            "1000000",
            "1-100000000",
            "The maximum number of keys allowed for the tracking table for client side caching.",
        ),
        "6.0.0",
    ),
    int(
        "zset-max-listpack-entries",
        "128",
        ANY,
        "The maximum number of sorted set entries in order for the dataset to be compressed.",
    ),
    int(
        "zset-max-listpack-value",
        "64",
        ANY,
        "The threshold of biggest sorted set entries in order for the dataset to be compressed.",
    ),
];

/// Parameters whose ElastiCache default is not the engine's own: every node gets them.
const NODE_DEFAULTS: &[&str] = &[
    "cluster-require-full-coverage",
    "maxmemory-policy",
    "maxmemory-samples",
    "repl-backlog-size",
    "repl-backlog-ttl",
    "tcp-keepalive",
];

/// Parameters of a family such as `redis7`.
pub(crate) fn of_family(family: &str) -> impl Iterator<Item = &'static ParameterRow> {
    let version = family_version(family);
    PARAMETERS.iter().filter(move |row| numbers(row.since) <= version)
}

/// Defaults that every node of a family gets, because the engine's own are others.
pub(crate) fn node_defaults(family: &str) -> impl Iterator<Item = (String, String)> {
    let rows = of_family(family).filter(|row| NODE_DEFAULTS.contains(&row.name));
    rows.map(|row| (row.name.to_owned(), row.default.to_owned()))
}

fn family_version(family: &str) -> Vec<u32> {
    let version = family.trim_start_matches(|one: char| one.is_ascii_alphabetic());
    // A family covers all minor versions: `redis7` has what 7.1 brought, `redis6.x` what 6.2 did.
    let mut numbers = numbers(version.trim_end_matches(".x"));
    numbers.push(99);
    numbers
}

/// A parameter that a caller may set in this family.
pub(crate) fn settable(family: &str, name: &str) -> Result<&'static ParameterRow, ApiError> {
    let row = of_family(family).find(|row| row.name == name);
    let row = row.ok_or_else(|| {
        ApiError::value(format!("The parameter {name} cannot be modified or does not exist in family {family}."))
    })?;
    match row.change {
        Never => Err(ApiError::value(format!("The parameter {name} cannot be modified."))),
        Immediate | Reboot => Ok(row),
    }
}

impl ParameterRow {
    /// Refuses a value that is not allowed.
    pub fn check(&self, value: &str) -> Result<(), ApiError> {
        let fits = |part: &str| match range(part) {
            Some((low, high)) => value.parse::<i128>().is_ok_and(|number| (low..=high).contains(&number)),
            None => part == value,
        };
        if self.allowed.is_empty() || self.allowed.split(',').any(fits) {
            return Ok(());
        }
        Err(ApiError::value(format!(
            "The value {value:?} is not allowed for the parameter {}. Allowed values: {}",
            self.name, self.allowed
        )))
    }
}

fn range(text: &str) -> Option<(i128, i128)> {
    // The first character may be a sign.
    let dash = text.get(1..)?.find('-')? + 1;
    Some((text.get(..dash)?.parse().ok()?, text.get(dash + 1..)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_allowed() {
        for row in PARAMETERS.iter().filter(|row| !row.default.is_empty()) {
            assert_eq!(row.check(row.default), Ok(()), "{}", row.name);
        }
    }

    #[test]
    fn values_are_checked_against_ranges_and_lists() {
        let row = |name: &str| settable("redis7", name).unwrap();
        assert!(row("slowlog-log-slower-than").check("-1").is_ok());
        assert!(row("slowlog-log-slower-than").check("-2").is_err());
        assert!(row("timeout").check("19").is_err());
        assert!(row("timeout").check("20").is_ok());
        assert!(row("maxmemory-policy").check("sometimes").is_err());
        assert!(settable("redis7", "maxmemory").is_err());
        assert!(settable("redis5.0", "tracking-table-max-keys").is_err());
    }
}
