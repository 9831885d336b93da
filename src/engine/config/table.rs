//! The directives of redis.conf, one row each, in the order of Redis's own table. A new directive is a row here and a
//! field in [`super::settings`].

use super::choices::{
    Allowed, DisklessLoad, EndpointType, EvictionPolicy, LogLevel, OomScoreAdjust, PubSubDefault, SanitizePayload,
};
use super::directive::{Applied, Check, Directive, Kind, Place, Special, Support, Unit, Value};
use super::settings::Config;
use super::special;

/// The most that fits in C's int, unsigned int and long.
const INT: i128 = i32::MAX as i128;
const UINT: i128 = u32::MAX as i128;
const LONG: i128 = i64::MAX as i128;

/// Looks a directive up by its name or its alias, in any case.
pub fn find(name: &[u8]) -> Option<&'static Directive> {
    DIRECTIVES.iter().find(|directive| {
        directive.name.as_bytes().eq_ignore_ascii_case(name)
            || directive.alias.is_some_and(|alias| alias.as_bytes().eq_ignore_ascii_case(name))
    })
}

/// The arguments of the default of `client-output-buffer-limit`.
pub fn output_buffer_limit_default() -> Vec<Vec<u8>> {
    OUTPUT_BUFFER_LIMITS.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

const OUTPUT_BUFFER_LIMITS: &str = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";

macro_rules! flag {
    ($($field:ident).+) => { Place::Field {
        get: |config| Value::Flag(config.$($field).+),
        set: |config, value| if let Value::Flag(flag) = value { config.$($field).+ = flag },
    } };
}
/// The bounds of a row keep its numbers within the field's type.
macro_rules! number {
    ($($field:ident).+) => { Place::Field {
        get: |config| Value::Number(config.$($field).+ as i128),
        set: |config, value| if let Value::Number(number) = value { config.$($field).+ = number as _ },
    } };
}
macro_rules! text {
    ($($field:ident).+) => { Place::Field {
        get: |config| Value::Text(config.$($field).+.clone().into()),
        set: |config, value| if let Value::Text(text) = value {
            config.$($field).+ = String::from_utf8_lossy(&text).into_owned()
        },
    } };
}
macro_rules! secret {
    ($($field:ident).+) => { Place::Field {
        get: |config| Value::Text(config.$($field).+.clone()),
        set: |config, value| if let Value::Text(text) = value { config.$($field).+ = text },
    } };
}
macro_rules! choice {
    ($name:literal, $default:literal, $type:ident, $($field:ident).+) => {
        row($name, $default, Kind::Word($type::WORDS), Place::Field {
            get: |config| Value::Word(config.$($field).+.word()),
            set: |config, value| if let Value::Word(word) = value
                && let Some(choice) = $type::from_word(word) { config.$($field).+ = choice },
        })
    };
}

const fn row(name: &'static str, default: &'static str, kind: Kind, place: Place) -> Directive {
    Directive {
        name,
        alias: None,
        kind,
        default,
        place,
        check: None,
        immutable: false,
        sensitive: false,
        several: false,
        hidden: false,
        protected: false,
        not_while_loading: false,
        support: Support::Honoured,
        applied: None,
    }
}

const fn yes_no(name: &'static str, default: &'static str, place: Place) -> Directive {
    row(name, default, Kind::YesNo, place)
}
/// Text that may be empty.
const fn string(name: &'static str, default: &'static str, place: Place) -> Directive {
    row(name, default, Kind::Text { empty_is_none: false }, place)
}
/// Text where empty means none.
const fn optional(name: &'static str, place: Place) -> Directive {
    row(name, "", Kind::Text { empty_is_none: true }, place)
}
const fn word(name: &'static str, default: &'static str, words: &'static [&'static str]) -> Directive {
    row(name, default, Kind::Word(words), Place::Remembered)
}
const fn integer(name: &'static str, default: &'static str, low: i128, high: i128, place: Place) -> Directive {
    row(name, default, Kind::Number { low, high, unit: Unit::Plain }, place)
}
const fn memory(name: &'static str, default: &'static str, low: i128, high: i128, place: Place) -> Directive {
    row(name, default, Kind::Number { low, high, unit: Unit::Memory }, place)
}
const fn special(name: &'static str, default: &'static str, special: Special) -> Directive {
    row(name, default, Kind::Special(special), Place::Remembered)
}

impl Directive {
    const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }
    const fn immutable(mut self) -> Self {
        self.immutable = true;
        self
    }
    const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }
    const fn several(mut self) -> Self {
        self.several = true;
        self
    }
    const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }
    const fn protected(mut self) -> Self {
        self.protected = true;
        self
    }
    const fn not_while_loading(mut self) -> Self {
        self.not_while_loading = true;
        self
    }
    const fn ignored(mut self, why: &'static str) -> Self {
        self.support = Support::Ignored(why);
        self
    }
    const fn only_default(mut self, why: &'static str) -> Self {
        self.support = Support::OnlyDefault(why);
        self
    }
    const fn applies(mut self, applied: Applied) -> Self {
        self.applied = Some(applied);
        self
    }
    const fn checked(mut self, check: Check) -> Self {
        self.check = Some(check);
        self
    }
}

const NO_AOF: &str = "this engine keeps no append-only file";
const NO_DEFRAG: &str = "this engine's allocator is not defragmented";
const NO_TLS: &str = "this engine speaks no TLS";
const NO_STREAMS: &str = "this engine has no streams";
const NO_SYSLOG: &str = "this engine logs to standard output or to a file";
const NO_PINNING: &str = "this engine leaves threads to the scheduler";
const NO_TITLE: &str = "this engine leaves its process title alone";
const ONE_THREAD: &str = "this engine runs in one thread";
const NO_CRASH_LOG: &str = "this engine writes no crash report";

use Place::Remembered;

/// Every directive.
pub static DIRECTIVES: &[Directive] = &[
    // Yes or no.
    yes_no("rdbchecksum", "yes", flag!(snapshot.checksum)).immutable(),
    yes_no("daemonize", "no", Remembered)
        .immutable()
        .only_default("run the engine in the background from a shell or a service manager"),
    yes_no("io-threads-do-reads", "no", Remembered).immutable().ignored(ONE_THREAD),
    yes_no("always-show-logo", "no", flag!(general.always_show_logo)).immutable(),
    yes_no("protected-mode", "yes", flag!(network.protected_mode)),
    yes_no("rdbcompression", "yes", flag!(snapshot.compression)),
    yes_no("rdb-del-sync-files", "no", flag!(snapshot.delete_sync_files)),
    yes_no("activerehashing", "yes", flag!(general.activerehashing)),
    yes_no("stop-writes-on-bgsave-error", "yes", flag!(snapshot.stop_writes_on_error)),
    yes_no("set-proc-title", "yes", Remembered).immutable().ignored(NO_TITLE),
    yes_no("dynamic-hz", "yes", flag!(general.dynamic_hz)),
    yes_no("lazyfree-lazy-eviction", "no", flag!(lazy_free.eviction)),
    yes_no("lazyfree-lazy-expire", "no", flag!(lazy_free.expire)),
    yes_no("lazyfree-lazy-server-del", "no", flag!(lazy_free.server_del)),
    yes_no("lazyfree-lazy-user-del", "no", flag!(lazy_free.user_del)),
    yes_no("lazyfree-lazy-user-flush", "no", flag!(lazy_free.user_flush)),
    yes_no("repl-disable-tcp-nodelay", "no", flag!(replication.disable_tcp_nodelay)),
    yes_no("repl-diskless-sync", "yes", flag!(replication.diskless_sync)),
    yes_no("aof-rewrite-incremental-fsync", "yes", Remembered).ignored(NO_AOF),
    yes_no("no-appendfsync-on-rewrite", "no", Remembered).ignored(NO_AOF),
    yes_no("cluster-require-full-coverage", "yes", flag!(cluster.require_full_coverage))
        .applies(Applied::ClusterSettings),
    yes_no("rdb-save-incremental-fsync", "yes", flag!(snapshot.incremental_fsync)),
    yes_no("aof-load-truncated", "yes", Remembered).ignored(NO_AOF),
    yes_no("aof-use-rdb-preamble", "yes", Remembered).ignored(NO_AOF),
    yes_no("aof-timestamp-enabled", "no", Remembered).ignored(NO_AOF),
    yes_no("cluster-replica-no-failover", "no", flag!(cluster.replica_no_failover))
        .alias("cluster-slave-no-failover")
        .applies(Applied::ClusterFlags),
    yes_no("replica-lazy-flush", "no", flag!(lazy_free.replica_flush)).alias("slave-lazy-flush"),
    yes_no("replica-serve-stale-data", "yes", flag!(replication.serve_stale_data)).alias("slave-serve-stale-data"),
    yes_no("replica-read-only", "yes", flag!(replication.read_only)).alias("slave-read-only"),
    yes_no("replica-ignore-maxmemory", "yes", flag!(replication.ignore_maxmemory)).alias("slave-ignore-maxmemory"),
    yes_no("jemalloc-bg-thread", "yes", Remembered).ignored(ONE_THREAD),
    yes_no("activedefrag", "no", Remembered).only_default(NO_DEFRAG),
    yes_no("syslog-enabled", "no", Remembered).immutable().ignored(NO_SYSLOG),
    yes_no("cluster-enabled", "no", flag!(cluster.enabled)).immutable(),
    yes_no("appendonly", "no", Remembered).not_while_loading().only_default(NO_AOF),
    yes_no("cluster-allow-reads-when-down", "no", flag!(cluster.allow_reads_when_down)),
    yes_no("cluster-allow-pubsubshard-when-down", "yes", flag!(cluster.allow_pubsubshard_when_down)),
    yes_no("crash-log-enabled", "yes", Remembered).ignored(NO_CRASH_LOG),
    yes_no("crash-memcheck-enabled", "yes", Remembered).ignored(NO_CRASH_LOG),
    yes_no("use-exit-on-panic", "no", Remembered).hidden().ignored(NO_CRASH_LOG),
    yes_no("disable-thp", "yes", Remembered).immutable().ignored("this engine leaves huge pages to the system"),
    yes_no("cluster-allow-replica-migration", "yes", flag!(cluster.allow_replica_migration))
        .applies(Applied::ClusterSettings),
    yes_no("replica-announced", "yes", flag!(replication.announced)),
    yes_no("latency-tracking", "yes", flag!(statistics.latency_tracking)),
    yes_no("aof-disable-auto-gc", "no", Remembered).ignored(NO_AOF),
    yes_no("replica-ignore-disk-write-errors", "no", flag!(replication.ignore_disk_write_errors)),
    yes_no("lua-enable-deprecated-api", "no", flag!(general.lua_enable_deprecated_api)).immutable().hidden(),
    // Text.
    string("aclfile", "", Remembered).immutable().only_default("this engine reads users from redis.conf alone"),
    optional("unixsocket", text!(network.unixsocket)).immutable().checked(utf8),
    optional("pidfile", text!(general.pidfile)).immutable().checked(utf8),
    optional("replica-announce-ip", text!(replication.announce_ip)).alias("slave-announce-ip").checked(utf8),
    optional("masteruser", secret!(replication.masteruser)).sensitive(),
    optional("cluster-announce-ip", text!(cluster.announce_ip)).checked(utf8).applies(Applied::ClusterIp),
    string("cluster-config-file", "nodes.conf", text!(cluster.config_file)).immutable().checked(utf8),
    optional("cluster-announce-hostname", text!(cluster.announce_hostname))
        .checked(host_name)
        .applies(Applied::ClusterHostname),
    string("syslog-ident", "redis", Remembered).immutable().ignored(NO_SYSLOG),
    string("dbfilename", "dump.rdb", text!(snapshot.dbfilename)).protected().checked(base_name),
    string("appendfilename", "appendonly.aof", Remembered).immutable().checked(aof_file_name).ignored(NO_AOF),
    string("appenddirname", "appendonlydir", Remembered).immutable().checked(aof_folder_name).ignored(NO_AOF),
    optional("server_cpulist", Remembered).immutable().ignored(NO_PINNING),
    optional("bio_cpulist", Remembered).immutable().ignored(NO_PINNING),
    optional("aof_rewrite_cpulist", Remembered).immutable().ignored(NO_PINNING),
    optional("bgsave_cpulist", Remembered).immutable().ignored(NO_PINNING),
    string("ignore-warnings", "", Remembered).ignored("this engine looks for no faults of the kernel"),
    string("proc-title-template", "{title} {listen-addr} {server-mode}", Remembered).checked(title).ignored(NO_TITLE),
    optional("bind-source-addr", text!(network.bind_source_addr)).checked(utf8),
    string("logfile", "", text!(general.logfile)).immutable().checked(utf8),
    optional("masterauth", secret!(replication.masterauth)).sensitive(),
    optional("requirepass", secret!(access.requirepass)).sensitive().applies(Applied::RequirePass),
    // Words.
    word("supervised", "no", &["upstart", "systemd", "auto", "no"])
        .immutable()
        .ignored("this engine tells no supervisor that it is ready"),
    word(
        "syslog-facility",
        "local0",
        &["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"],
    )
    .immutable()
    .ignored(NO_SYSLOG),
    choice!("repl-diskless-load", "disabled", DisklessLoad, replication.diskless_load).not_while_loading(),
    choice!("loglevel", "notice", LogLevel, general.loglevel).applies(Applied::LogLevel),
    choice!("maxmemory-policy", "noeviction", EvictionPolicy, memory.policy),
    word("appendfsync", "everysec", &["everysec", "always", "no"]).ignored(NO_AOF),
    choice!("oom-score-adj", "no", OomScoreAdjust, general.oom_score_adj).applies(Applied::OomScore),
    choice!("acl-pubsub-default", "resetchannels", PubSubDefault, access.pubsub_default),
    choice!("sanitize-dump-payload", "no", SanitizePayload, collections.sanitize_dump_payload),
    choice!("enable-protected-configs", "no", Allowed, access.enable_protected_configs).immutable(),
    choice!("enable-debug-command", "no", Allowed, access.enable_debug_command).immutable(),
    word("enable-module-command", "no", Allowed::WORDS).immutable().ignored("this engine has no modules"),
    choice!("cluster-preferred-endpoint-type", "ip", EndpointType, cluster.preferred_endpoint_type),
    word("propagation-error-behavior", "ignore", &["ignore", "panic", "panic-on-replicas"])
        .ignored("this engine goes on after errors in what it is sent"),
    special("shutdown-on-sigint", "default", special::ON_SIGINT).several(),
    special("shutdown-on-sigterm", "default", special::ON_SIGTERM).several(),
    // Whole numbers.
    integer("databases", "16", 1, INT, number!(general.databases)).immutable(),
    integer("port", "6379", 0, 65535, number!(network.port)).applies(Applied::Port),
    integer("io-threads", "1", 1, 128, Remembered).immutable().ignored(ONE_THREAD),
    integer("auto-aof-rewrite-percentage", "100", 0, INT, Remembered).ignored(NO_AOF),
    integer("cluster-replica-validity-factor", "10", 0, INT, number!(cluster.replica_validity_factor))
        .alias("cluster-slave-validity-factor")
        .applies(Applied::ClusterSettings),
    integer("list-max-listpack-size", "-2", -INT - 1, INT, number!(collections.list_max_listpack_size))
        .alias("list-max-ziplist-size"),
    integer("tcp-keepalive", "300", 0, INT, number!(network.tcp_keepalive_seconds)),
    integer("cluster-migration-barrier", "1", 0, INT, number!(cluster.migration_barrier))
        .applies(Applied::ClusterSettings),
    integer("active-defrag-cycle-min", "1", 1, 99, Remembered).ignored(NO_DEFRAG),
    integer("active-defrag-cycle-max", "25", 1, 99, Remembered).ignored(NO_DEFRAG),
    integer("active-defrag-threshold-lower", "10", 0, 1000, Remembered).ignored(NO_DEFRAG),
    integer("active-defrag-threshold-upper", "100", 0, 1000, Remembered).ignored(NO_DEFRAG),
    integer("lfu-log-factor", "10", 0, INT, number!(memory.lfu_log_factor)),
    integer("lfu-decay-time", "1", 0, INT, number!(memory.lfu_decay_time_minutes)),
    integer("replica-priority", "100", 0, INT, number!(replication.priority)).alias("slave-priority"),
    integer("repl-diskless-sync-delay", "5", 0, INT, number!(replication.diskless_sync_delay_seconds)),
    integer("maxmemory-samples", "5", 1, INT, number!(memory.samples)),
    integer("maxmemory-eviction-tenacity", "10", 0, 100, number!(memory.eviction_tenacity)),
    integer("timeout", "0", 0, INT, number!(clients.timeout_seconds)),
    integer("replica-announce-port", "0", 0, 65535, number!(replication.announce_port)).alias("slave-announce-port"),
    integer("tcp-backlog", "511", 0, INT, number!(network.tcp_backlog)).immutable(),
    integer("cluster-port", "0", 0, 65535, number!(cluster.port)).immutable(),
    integer("cluster-announce-bus-port", "0", 0, 65535, number!(cluster.announce_bus_port))
        .applies(Applied::ClusterPorts),
    integer("cluster-announce-port", "0", 0, 65535, number!(cluster.announce_port)).applies(Applied::ClusterPorts),
    integer("cluster-announce-tls-port", "0", 0, 65535, Remembered).ignored(NO_TLS),
    integer("repl-timeout", "60", 1, INT, number!(replication.timeout_seconds)),
    integer("repl-ping-replica-period", "10", 1, INT, number!(replication.ping_replica_period_seconds))
        .alias("repl-ping-slave-period"),
    integer("list-compress-depth", "0", 0, INT, number!(collections.list_compress_depth)),
    integer("rdb-key-save-delay", "0", -INT - 1, INT, number!(general.rdb_key_save_delay_us)).hidden(),
    integer("key-load-delay", "0", -INT - 1, INT, number!(general.key_load_delay_us)).hidden(),
    integer("active-expire-effort", "1", 1, 10, number!(general.active_expire_effort)),
    integer("hz", "10", 0, INT, HZ).applies(Applied::TimerFrequency),
    integer("min-replicas-to-write", "0", 0, INT, number!(replication.min_replicas_to_write))
        .alias("min-slaves-to-write")
        .applies(Applied::GoodReplicas),
    integer("min-replicas-max-lag", "10", 0, INT, number!(replication.min_replicas_max_lag_seconds))
        .alias("min-slaves-max-lag")
        .applies(Applied::GoodReplicas),
    integer("watchdog-period", "0", 0, INT, Remembered).hidden().ignored(NO_CRASH_LOG),
    integer("shutdown-timeout", "10", 0, INT, number!(general.shutdown_timeout_seconds)),
    integer("repl-diskless-sync-max-replicas", "0", 0, INT, number!(replication.diskless_sync_max_replicas)),
    integer("maxclients", "10000", 1, UINT, number!(clients.maxclients)).applies(Applied::MaxClients),
    row(
        "unixsocketperm",
        "0",
        Kind::Number { low: 0, high: 0o777, unit: Unit::Octal },
        number!(network.unixsocketperm),
    )
    .immutable(),
    integer("socket-mark-id", "0", 0, UINT, Remembered).immutable().ignored("this engine marks no sockets"),
    integer("active-defrag-max-scan-fields", "1000", 1, LONG, Remembered).ignored(NO_DEFRAG),
    integer("slowlog-max-len", "128", 0, LONG, number!(statistics.slowlog_max_len)),
    integer("acllog-max-len", "128", 0, LONG, number!(access.acllog_max_len)),
    integer("busy-reply-threshold", "5000", 0, LONG, number!(general.busy_reply_threshold_ms)).alias("lua-time-limit"),
    integer("cluster-node-timeout", "15000", 0, LONG, number!(cluster.node_timeout_ms))
        .applies(Applied::ClusterSettings),
    integer("slowlog-log-slower-than", "10000", -1, LONG, number!(statistics.slowlog_log_slower_than_us)),
    integer("latency-monitor-threshold", "0", 0, LONG, number!(statistics.latency_monitor_threshold_ms)),
    memory("proto-max-bulk-len", "536870912", 1 << 20, LONG, number!(clients.proto_max_bulk_len)),
    integer("stream-node-max-entries", "100", 0, LONG, Remembered).ignored(NO_STREAMS),
    memory("repl-backlog-size", "1048576", 1, LONG, number!(replication.backlog_size)).applies(Applied::BacklogSize),
    memory("maxmemory", "0", 0, u64::MAX as i128, number!(memory.maxmemory)).applies(Applied::MaxMemory),
    memory("cluster-link-sendbuf-limit", "0", 0, u64::MAX as i128, number!(cluster.link_sendbuf_limit)),
    integer("hash-max-listpack-entries", "512", 0, LONG, number!(collections.hash_max_listpack_entries))
        .alias("hash-max-ziplist-entries"),
    integer("set-max-intset-entries", "512", 0, LONG, number!(collections.set_max_intset_entries)),
    integer("zset-max-listpack-entries", "128", 0, LONG, number!(collections.zset_max_listpack_entries))
        .alias("zset-max-ziplist-entries"),
    memory("active-defrag-ignore-bytes", "104857600", 1, LONG, Remembered).ignored(NO_DEFRAG),
    memory("hash-max-listpack-value", "64", 0, LONG, number!(collections.hash_max_listpack_value))
        .alias("hash-max-ziplist-value"),
    memory("stream-node-max-bytes", "4096", 0, LONG, Remembered).ignored(NO_STREAMS),
    memory("zset-max-listpack-value", "64", 0, LONG, number!(collections.zset_max_listpack_value))
        .alias("zset-max-ziplist-value"),
    memory("hll-sparse-max-bytes", "3000", 0, LONG, Remembered).ignored("this engine has no HyperLogLogs"),
    integer("tracking-table-max-keys", "1000000", 0, LONG, Remembered)
        .ignored("this engine tracks no keys for clients"),
    memory("client-query-buffer-limit", "1073741824", 1 << 20, LONG, number!(clients.query_buffer_limit)),
    row(
        "maxmemory-clients",
        "0",
        Kind::Number { low: -100, high: LONG, unit: Unit::MemoryOrPercent },
        number!(clients.maxmemory_clients),
    )
    .applies(Applied::ClientMemory),
    integer("repl-backlog-ttl", "3600", 0, LONG, number!(replication.backlog_ttl_seconds)),
    memory("auto-aof-rewrite-min-size", "67108864", 0, LONG, Remembered).ignored(NO_AOF),
    integer(
        "loading-process-events-interval-bytes",
        "2097152",
        1024,
        INT,
        number!(general.loading_process_events_interval_bytes),
    )
    .hidden(),
    // TLS.
    integer("tls-port", "0", 0, 65535, Remembered).hidden().only_default(NO_TLS),
    integer("tls-session-cache-size", "20480", 0, INT, Remembered).hidden().only_default(NO_TLS),
    integer("tls-session-cache-timeout", "300", 0, INT, Remembered).hidden().only_default(NO_TLS),
    yes_no("tls-cluster", "no", Remembered).hidden().only_default(NO_TLS),
    yes_no("tls-replication", "no", Remembered).hidden().only_default(NO_TLS),
    word("tls-auth-clients", "yes", &["no", "yes", "optional"]).hidden().only_default(NO_TLS),
    yes_no("tls-prefer-server-ciphers", "no", Remembered).hidden().only_default(NO_TLS),
    yes_no("tls-session-caching", "yes", Remembered).hidden().only_default(NO_TLS),
    optional("tls-cert-file", Remembered).hidden().only_default(NO_TLS),
    optional("tls-key-file", Remembered).hidden().only_default(NO_TLS),
    optional("tls-key-file-pass", Remembered).hidden().sensitive().only_default(NO_TLS),
    optional("tls-client-cert-file", Remembered).hidden().only_default(NO_TLS),
    optional("tls-client-key-file", Remembered).hidden().only_default(NO_TLS),
    optional("tls-client-key-file-pass", Remembered).hidden().sensitive().only_default(NO_TLS),
    optional("tls-dh-params-file", Remembered).hidden().only_default(NO_TLS),
    optional("tls-ca-cert-file", Remembered).hidden().only_default(NO_TLS),
    optional("tls-ca-cert-dir", Remembered).hidden().only_default(NO_TLS),
    optional("tls-protocols", Remembered).hidden().only_default(NO_TLS),
    optional("tls-ciphers", Remembered).hidden().only_default(NO_TLS),
    optional("tls-ciphersuites", Remembered).hidden().only_default(NO_TLS),
    // Kinds of their own.
    special("dir", ".", special::DIR).protected().not_while_loading(),
    special("save", "3600 1 300 100 60 10000", special::SAVE).several(),
    special("client-output-buffer-limit", OUTPUT_BUFFER_LIMITS, special::OUTPUT_BUFFER_LIMIT).several(),
    special("oom-score-adj-values", "0 200 800", special::OOM_SCORE_VALUES).several().applies(Applied::OomScore),
    special("notify-keyspace-events", "", special::KEYSPACE_EVENTS),
    special("bind", "* -::*", special::BIND).several().applies(Applied::Bind),
    special("replicaof", "", special::REPLICA_OF).alias("slaveof").immutable().several(),
    special("latency-tracking-info-percentiles", "50 99 99.9", special::PERCENTILES).several(),
];

/// A timer frequency out of range is a wish, and becomes the nearest that is possible.
const HZ: Place = Place::Field {
    get: |config| Value::Number(i128::from(config.general.hz)),
    set: |config, value| {
        if let Value::Number(hz) = value {
            config.general.hz = hz.clamp(1, 500) as u32;
        }
    },
};

impl Config {
    /// Redis 7.0.15's defaults; the working folder is where the process is, and is filled in by whoever loads.
    pub fn new() -> Self {
        let mut config = Self::default();
        for directive in DIRECTIVES {
            // A default is right by the tests below.
            let _ = directive.set(&mut config, &directive.default_arguments(), &mut super::files::NoFiles);
        }
        config
    }
}

impl Directive {
    fn default_arguments(&self) -> Vec<Vec<u8>> {
        match &self.kind {
            Kind::Special(_) if self.default.is_empty() && !self.several => vec![Vec::new()],
            Kind::Special(_) => self.default.split(' ').map(|word| word.as_bytes().to_vec()).collect(),
            _ => vec![self.default.as_bytes().to_vec()],
        }
    }
}

fn utf8(value: &Value) -> Result<(), String> {
    match value {
        Value::Text(text) if std::str::from_utf8(text).is_err() => Err("argument is not valid UTF-8".into()),
        _ => Ok(()),
    }
}

fn base_name(value: &Value) -> Result<(), String> {
    no_path(value, "dbfilename can't be a path, just a filename")
}

fn aof_file_name(value: &Value) -> Result<(), String> {
    not_empty(value, "appendfilename can't be empty")?;
    no_path(value, "appendfilename can't be a path, just a filename")
}

fn aof_folder_name(value: &Value) -> Result<(), String> {
    not_empty(value, "appenddirname can't be empty")?;
    no_path(value, "appenddirname can't be a path, just a dirname")
}

fn not_empty(value: &Value, reason: &str) -> Result<(), String> {
    if matches!(value, Value::Text(text) if text.is_empty()) { Err(reason.into()) } else { Ok(()) }
}

fn no_path(value: &Value, reason: &str) -> Result<(), String> {
    utf8(value)?;
    let is_path = matches!(value, Value::Text(text) if text.iter().any(|byte| matches!(byte, b'/' | b'\\')));
    if is_path { Err(reason.into()) } else { Ok(()) }
}

fn host_name(value: &Value) -> Result<(), String> {
    let Value::Text(name) = value else { return Ok(()) };
    if name.len() >= 256 {
        return Err("Hostnames must be less than 256 characters".into());
    }
    if !name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')) {
        return Err("Hostnames may only contain alphanumeric characters, hyphens or dots".into());
    }
    Ok(())
}

/// A title may name only variables that there are.
fn title(value: &Value) -> Result<(), String> {
    const VARIABLES: [&str; 7] =
        ["title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file"];
    let Value::Text(text) = value else { return Ok(()) };
    let text = String::from_utf8_lossy(text);
    let named = text.split('{').skip(1).map(|part| part.split_once('}'));
    let known = named.map(|part| part.is_some_and(|(name, _)| VARIABLES.contains(&name)));
    if text.is_empty() || !known.into_iter().all(|known| known) {
        return Err("template format is invalid or contains unknown variables".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::config::files::NoFiles;

    #[test]
    fn every_default_is_accepted_and_shown_as_it_is_written() {
        let config = Config::new();
        for directive in DIRECTIVES {
            let mut copy = config.clone();
            let set = directive.set(&mut copy, &directive.default_arguments(), &mut NoFiles);
            assert_eq!(
                set,
                if directive.name == "replicaof" { Err("wrong number of arguments".into()) } else { Ok(false) },
                "{}",
                directive.name
            );
            assert_eq!(String::from_utf8(directive.show(&config)).unwrap(), directive.default, "{}", directive.name);
            assert!(directive.is_default(&config), "{}", directive.name);
        }
    }

    #[test]
    fn no_name_stands_for_two_directives() {
        let mut names: Vec<&str> =
            DIRECTIVES.iter().flat_map(|directive| [Some(directive.name), directive.alias]).flatten().collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(names.iter().all(|name| !name.bytes().any(|byte| byte.is_ascii_uppercase())));
        assert_eq!(find(b"Slave-Priority").map(|found| found.name), Some("replica-priority"));
    }

    #[test]
    fn what_is_not_supported_takes_only_its_default() {
        let mut config = Config::new();
        let appendonly = find(b"appendonly").unwrap();
        assert_eq!(appendonly.set(&mut config, &[b"no".to_vec()], &mut NoFiles), Ok(false));
        assert_eq!(
            appendonly.set(&mut config, &[b"yes".to_vec()], &mut NoFiles),
            Err("only 'no' is supported: this engine keeps no append-only file".into())
        );
    }

    #[test]
    fn what_is_ignored_is_remembered() {
        let mut config = Config::new();
        let threads = find(b"io-threads").unwrap();
        assert_eq!(threads.set(&mut config, &[b"4".to_vec()], &mut NoFiles), Ok(true));
        assert_eq!(threads.show(&config), b"4");
        assert!(!threads.is_default(&config));
    }

    #[test]
    fn names_are_checked() {
        for (name, value, reason) in [
            ("dbfilename", "a/b", "dbfilename can't be a path, just a filename"),
            ("appendfilename", "", "appendfilename can't be empty"),
            ("cluster-announce-hostname", "a_b", "Hostnames may only contain alphanumeric characters, hyphens or dots"),
            ("proc-title-template", "{nothing}", "template format is invalid or contains unknown variables"),
        ] {
            let set = find(name.as_bytes()).unwrap().set(&mut Config::new(), &[value.into()], &mut NoFiles);
            assert_eq!(set, Err(reason.into()));
        }
    }

    #[test]
    fn a_frequency_out_of_range_becomes_the_nearest() {
        let mut config = Config::new();
        assert_eq!(find(b"hz").unwrap().set(&mut config, &[b"10000".to_vec()], &mut NoFiles), Ok(true));
        assert_eq!(config.general.hz, 500);
    }
}
