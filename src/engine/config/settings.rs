//! What is configured, as fields by subject: what the rest of the engine reads, with no look-up by name. Knows nothing
//! of the names and spellings of redis.conf, which are [`super::table`]'s; each field is named after its directive.
//! Units are in the names; a size is in bytes.

use std::collections::BTreeMap;

use super::choices::{
    Allowed, DisklessLoad, EndpointType, EvictionPolicy, LogLevel, OomScoreAdjust, PubSubDefault, SanitizePayload,
};
use super::directive::Value;
use super::events::KeyspaceEvents;

/// The whole configuration of one node. [`Config::new`] has Redis 7.0.15's defaults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The process, its log and its clock.
    pub general: General,
    /// Listening.
    pub network: Network,
    /// Connections and what they may take.
    pub clients: Clients,
    /// How much memory data may take, and what goes when it is full.
    pub memory: Memory,
    /// What is freed in small steps rather than at once.
    pub lazy_free: LazyFree,
    /// Up to where collections stay in their compact encodings.
    pub collections: Collections,
    /// Snapshots on disk.
    pub snapshot: Snapshot,
    /// Replication, both ways.
    pub replication: Replication,
    /// The cluster.
    pub cluster: Cluster,
    /// Passwords and what clients may do.
    pub access: Access,
    /// What is measured and remembered of commands.
    pub statistics: Statistics,
    /// Values of directives that are accepted and have no effect, by name, where they are not the default.
    pub(super) remembered: BTreeMap<&'static str, Value>,
}

/// The process, its log and its clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct General {
    /// The configuration file, as an absolute path, if there is one: where CONFIG REWRITE writes.
    pub file: Option<String>,
    /// The working folder, absolute: snapshots and nodes.conf are in it.
    pub dir: String,
    /// Where the process id is written; empty for nowhere.
    pub pidfile: String,
    /// Where the log is appended; empty for standard output.
    pub logfile: String,
    /// How much is logged.
    pub loglevel: LogLevel,
    /// Shows the start banner even where the log is not a terminal.
    pub always_show_logo: bool,
    /// How many databases SELECT can choose from.
    pub databases: u32,
    /// How often a second the timer runs: 1 to 500.
    pub hz: u32,
    /// Whether the timer runs more often with many clients.
    pub dynamic_hz: bool,
    /// How hard expired keys are looked for: 1 to 10.
    pub active_expire_effort: u32,
    /// Whether hash tables are rehashed when there is nothing else to do.
    pub activerehashing: bool,
    /// How long a script runs before others are answered with BUSY.
    pub busy_reply_threshold_ms: i64,
    /// Scripts have functions of Lua's that reach into other functions.
    pub lua_enable_deprecated_api: bool,
    /// What SIGINT does.
    pub shutdown_on_sigint: ShutdownOptions,
    /// What SIGTERM does.
    pub shutdown_on_sigterm: ShutdownOptions,
    /// How long a shutdown waits for replicas that lag.
    pub shutdown_timeout_seconds: u32,
    /// Whether the kernel is told whom to kill first.
    pub oom_score_adj: OomScoreAdjust,
    /// The values it is told: for a primary, a replica, and a process that saves.
    pub oom_score_adj_values: [i32; 3],
    /// Commands that got another name, in order; an empty one takes the command away.
    pub renamed_commands: Vec<(Vec<u8>, Vec<u8>)>,
    /// For tests: microseconds to wait at each key while loading a snapshot.
    pub key_load_delay_us: i32,
    /// For tests: microseconds to wait at each key while saving a snapshot.
    pub rdb_key_save_delay_us: i32,
    /// After how many bytes of a snapshot that is being loaded clients are looked at.
    pub loading_process_events_interval_bytes: u64,
}

/// What a signal that ends the process asks for; none of them is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownOptions {
    /// Save even without save points.
    pub save: bool,
    /// Do not save even with save points.
    pub nosave: bool,
    /// Do not wait for replicas.
    pub now: bool,
    /// Leave even if saving fails.
    pub force: bool,
}

/// Listening.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// 0 for no TCP at all.
    pub port: u16,
    /// Addresses, `*` and `::*` for all; one with a `-` in front may be unavailable.
    pub bind: Vec<String>,
    /// The address that outgoing connections leave from; empty for any.
    pub bind_source_addr: String,
    /// Without a password, and bound to everything, only clients of this host are served.
    pub protected_mode: bool,
    /// How many connections may wait to be accepted.
    pub tcp_backlog: u32,
    /// Seconds between probes of a silent connection; 0 for none.
    pub tcp_keepalive_seconds: u32,
    /// A socket in the file system; empty for none.
    pub unixsocket: String,
    /// Its permissions; 0 for what the umask gives.
    pub unixsocketperm: u32,
}

/// Connections and what they may take.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clients {
    /// How many at once.
    pub maxclients: u32,
    /// After how many silent seconds one is closed; 0 for never.
    pub timeout_seconds: u32,
    /// How long one argument may be.
    pub proto_max_bulk_len: u64,
    /// How long what was read and not yet executed may be.
    pub query_buffer_limit: u64,
    /// How much memory all together may take: negative for percents of maxmemory, 0 for no limit. Read
    /// [`Config::maxmemory_clients_bytes`].
    pub maxmemory_clients: i64,
    /// How long what is to be sent may become.
    pub output_buffer_limits: OutputBufferLimits,
}

/// Limits of what is to be sent, by class of client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputBufferLimits {
    /// Ordinary clients.
    pub normal: OutputBufferLimit,
    /// Replicas.
    pub replica: OutputBufferLimit,
    /// Subscribers.
    pub pubsub: OutputBufferLimit,
}

/// A client is closed beyond `hard_bytes`, or after `soft_seconds` beyond `soft_bytes`; zero is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputBufferLimit {
    /// Never more than this.
    pub hard_bytes: u64,
    /// Not more than this for long.
    pub soft_bytes: u64,
    /// How long.
    pub soft_seconds: i64,
}

/// How much memory data may take, and what goes when it is full.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// 0 for no limit.
    pub maxmemory: u64,
    /// What goes.
    pub policy: EvictionPolicy,
    /// How many keys are looked at to find the best to go.
    pub samples: u32,
    /// How much time evicting may take: 0 to 100.
    pub eviction_tenacity: u32,
    /// How slowly a key's count of uses grows.
    pub lfu_log_factor: u32,
    /// After how many minutes a key's count of uses falls.
    pub lfu_decay_time_minutes: u32,
}

/// What is freed in small steps rather than at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LazyFree {
    /// Evicted keys.
    pub eviction: bool,
    /// Expired keys.
    pub expire: bool,
    /// Keys that commands overwrite.
    pub server_del: bool,
    /// Keys of DEL, which then is as UNLINK.
    pub user_del: bool,
    /// Databases of FLUSHALL and FLUSHDB without SYNC or ASYNC.
    pub user_flush: bool,
    /// A replica's old keys before it loads its primary's.
    pub replica_flush: bool,
}

/// Up to where collections stay in their compact encodings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Collections {
    /// Fields of a hash.
    pub hash_max_listpack_entries: usize,
    /// Bytes of a field or value of a hash.
    pub hash_max_listpack_value: usize,
    /// Members of a set of integers.
    pub set_max_intset_entries: usize,
    /// Members of a sorted set.
    pub zset_max_listpack_entries: usize,
    /// Bytes of a member of a sorted set.
    pub zset_max_listpack_value: usize,
    /// Entries of one node of a list; -1 to -5 for 4, 8, 16, 32 or 64 kilobytes.
    pub list_max_listpack_size: i32,
    /// How many nodes at both ends of a list stay uncompressed; 0 for all.
    pub list_compress_depth: u32,
    /// How strictly the values of RESTORE are checked.
    pub sanitize_dump_payload: SanitizePayload,
    /// Which events are published.
    pub notify_keyspace_events: KeyspaceEvents,
}

/// Snapshots on disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// When one is taken; none for never.
    pub save: Vec<SavePoint>,
    /// The file's name in the working folder.
    pub dbfilename: String,
    /// Long strings are compressed.
    pub compression: bool,
    /// A checksum ends the file.
    pub checksum: bool,
    /// Writes are refused after a snapshot failed.
    pub stop_writes_on_error: bool,
    /// The file is synchronised with the disk as it grows.
    pub incremental_fsync: bool,
    /// Files that replication left are removed where nothing is to be kept on disk.
    pub delete_sync_files: bool,
}

/// A snapshot is taken when so many changes were made in so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavePoint {
    /// At least so long after the last one.
    pub seconds: i64,
    /// At least so many changes.
    pub changes: i64,
}

/// Replication, both ways.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replication {
    /// Host and port of the primary. REPLICAOF changes it too, so that CONFIG REWRITE writes the truth.
    pub primary: Option<(String, u16)>,
    /// The user to authenticate as; empty for the default one.
    pub masteruser: Vec<u8>,
    /// The primary's password; empty for none.
    pub masterauth: Vec<u8>,
    /// A replica answers while its link is down.
    pub serve_stale_data: bool,
    /// A replica refuses writes of its clients.
    pub read_only: bool,
    /// A replica leaves evicting to its primary.
    pub ignore_maxmemory: bool,
    /// A replica goes on when it cannot write what it was sent to disk.
    pub ignore_disk_write_errors: bool,
    /// Which replica is promoted first: the lowest; 0 for never.
    pub priority: u32,
    /// What a replica says that its address is; empty for what is seen.
    pub announce_ip: String,
    /// What a replica says that its port is; 0 for the port.
    pub announce_port: u16,
    /// A replica is listed to those who ask for replicas.
    pub announced: bool,
    /// Snapshots go to replicas without a file.
    pub diskless_sync: bool,
    /// How long a primary waits for more replicas before it sends one.
    pub diskless_sync_delay_seconds: u32,
    /// How many replicas end that wait; 0 for no such number.
    pub diskless_sync_max_replicas: u32,
    /// When a snapshot is loaded straight from the socket.
    pub diskless_load: DisklessLoad,
    /// Small packets are gathered.
    pub disable_tcp_nodelay: bool,
    /// How often a primary pings its replicas.
    pub ping_replica_period_seconds: u32,
    /// After how long a silent link is given up.
    pub timeout_seconds: u32,
    /// How much of the stream is kept for replicas that come back.
    pub backlog_size: u64,
    /// How long it is kept when there are no replicas; 0 for ever.
    pub backlog_ttl_seconds: i64,
    /// A primary refuses writes with fewer good replicas; 0 for never.
    pub min_replicas_to_write: u32,
    /// A replica is good that acknowledged within so long.
    pub min_replicas_max_lag_seconds: u32,
}

/// The cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cluster {
    /// Whether this is a node of one.
    pub enabled: bool,
    /// The file that keeps what the node knows, in the working folder.
    pub config_file: String,
    /// After how long a silent node may have failed.
    pub node_timeout_ms: i64,
    /// The bus port; 0 for the port plus 10000.
    pub port: u16,
    /// The announced address; empty for what others see.
    pub announce_ip: String,
    /// The announced host name; empty for none.
    pub announce_hostname: String,
    /// The announced port; 0 for the port.
    pub announce_port: u16,
    /// The announced bus port; 0 for the bus port.
    pub announce_bus_port: u16,
    /// What clients are told to connect to.
    pub preferred_endpoint_type: EndpointType,
    /// Without all slots served, nothing is.
    pub require_full_coverage: bool,
    /// Reads are answered even then.
    pub allow_reads_when_down: bool,
    /// Messages of shard channels are passed on even then.
    pub allow_pubsubshard_when_down: bool,
    /// Replicas move to primaries that have none.
    pub allow_replica_migration: bool,
    /// How many replicas a primary must keep when one moves away.
    pub migration_barrier: u32,
    /// How many node timeouts a replica's data may be old for it to be elected; 0 for any age.
    pub replica_validity_factor: u32,
    /// A replica never asks to be elected by itself.
    pub replica_no_failover: bool,
    /// How much may wait to be sent on one link; 0 for no limit.
    pub link_sendbuf_limit: u64,
}

/// Passwords and what clients may do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Access {
    /// The default user's password; empty for none.
    pub requirepass: Vec<u8>,
    /// The lines `user NAME RULE…`, each as its arguments after `user`.
    pub users: Vec<Vec<Vec<u8>>>,
    /// Which channels a user may use who was told nothing of channels.
    pub pubsub_default: PubSubDefault,
    /// How many refused commands ACL LOG remembers.
    pub acllog_max_len: u64,
    /// Who may change directives that can hurt.
    pub enable_protected_configs: Allowed,
    /// Who may use DEBUG.
    pub enable_debug_command: Allowed,
}

/// What is measured and remembered of commands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// From how long on a command is remembered; negative for never.
    pub slowlog_log_slower_than_us: i64,
    /// How many are remembered.
    pub slowlog_max_len: u64,
    /// From how long on an event counts as a latency spike; 0 for never.
    pub latency_monitor_threshold_ms: i64,
    /// Whether each command's latencies are counted.
    pub latency_tracking: bool,
    /// Which percentiles INFO shows of them.
    pub latency_tracking_info_percentiles: Vec<f64>,
}

impl Config {
    /// How much memory all clients together may take, or `None` for no limit. A limit too small to talk to the node
    /// is raised to 128 kilobytes.
    pub fn maxmemory_clients_bytes(&self) -> Option<u64> {
        const LEAST: u64 = 128 * 1024;
        let limit = match self.clients.maxmemory_clients {
            0 => return None,
            ..0 if self.memory.maxmemory == 0 => return None,
            percent @ ..0 => u128::from(self.memory.maxmemory) * u128::from(percent.unsigned_abs()) / 100,
            bytes => u128::from(bytes.unsigned_abs()),
        };
        Some(u64::try_from(limit).unwrap_or(u64::MAX).max(LEAST))
    }

    /// The bus port that the node listens at, if its port leaves room for one.
    pub fn bus_port(&self) -> Option<u16> {
        match self.cluster.port {
            0 => self.network.port.checked_add(10_000),
            port => Some(port),
        }
    }
}
