//! What of the configuration replication goes by. All times are milliseconds.

use crate::engine::config::Config;

/// The settings of both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// After how long a silent link is given up.
    pub timeout_ms: i64,
    /// How often a primary pings its replicas.
    pub ping_period_ms: i64,
    /// How much of the stream is kept, bytes.
    pub backlog_size: usize,
    /// How long it is kept without replicas; `None`: for ever.
    pub backlog_ttl_ms: Option<i64>,
    /// Snapshots are sent without knowing their length, to who takes them so.
    pub diskless: bool,
    /// How long a snapshot without length waits for more replicas.
    pub delay_ms: i64,
    /// How many replicas end that wait; 0: no number does.
    pub enough_replicas: usize,
    /// A replica is good if it acknowledged within so long.
    pub most_lag_ms: i64,
    /// The port that a replica says it listens on.
    pub announced_port: u16,
    /// The address that a replica says it has; empty: what the primary sees.
    pub announced_address: String,
    /// The user that a replica authenticates as; empty: the default one.
    pub user: Vec<u8>,
    /// Its password; empty: none.
    pub password: Vec<u8>,
    /// A replica that is further behind than this is let go, bytes; 0: never.
    pub hard_limit: u64,
    /// A replica that is further behind than this for `soft_limit_ms` is let go, bytes; 0: never.
    pub soft_limit: u64,
    /// See `soft_limit`.
    pub soft_limit_ms: i64,
}

impl Settings {
    /// As they are configured.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let set = &config.replication;
        let limit = &config.clients.output_buffer_limits.replica;
        let milliseconds = |seconds: u32| i64::from(seconds) * 1000;
        let port = if set.announce_port == 0 { config.network.port } else { set.announce_port };
        Self {
            timeout_ms: milliseconds(set.timeout_seconds),
            ping_period_ms: milliseconds(set.ping_replica_period_seconds),
            backlog_size: usize::try_from(set.backlog_size).unwrap_or(usize::MAX),
            backlog_ttl_ms: Some(set.backlog_ttl_seconds).filter(|ttl| *ttl > 0).map(|ttl| ttl.saturating_mul(1000)),
            diskless: set.diskless_sync,
            delay_ms: milliseconds(set.diskless_sync_delay_seconds),
            enough_replicas: set.diskless_sync_max_replicas as usize,
            most_lag_ms: milliseconds(set.min_replicas_max_lag_seconds),
            announced_port: port,
            announced_address: set.announce_ip.clone(),
            user: set.masteruser.clone(),
            password: set.masterauth.clone(),
            hard_limit: limit.hard_bytes,
            soft_limit: limit.soft_bytes,
            soft_limit_ms: limit.soft_seconds.saturating_mul(1000),
        }
    }
}
