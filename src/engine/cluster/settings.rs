//! What can be set of a node's part in its cluster.

/// What clients are told to connect to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Endpoint {
    /// A node's address.
    #[default]
    Ip,
    /// Its host name, or `?` where it announces none.
    Hostname,
    /// Nothing: the client goes on with the address that it used.
    Unknown,
}

/// The settings, each named after its directive in redis.conf. `Default` is redis.conf's default.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `cluster-node-timeout`, in milliseconds.
    pub node_timeout: u64,
    /// The port for clients to announce: `cluster-announce-port`, or else `port`.
    pub port: u16,
    /// The bus port to announce: `cluster-announce-bus-port`, or else `cluster-port`, or else `port` + 10000.
    pub bus_port: u16,
    /// `cluster-announce-ip`; without it others find out the address by themselves.
    pub announce_ip: Option<String>,
    /// `cluster-announce-hostname`; empty for none.
    pub announce_hostname: String,
    /// `cluster-announce-human-nodename`; empty for none.
    pub announce_human_name: String,
    /// `cluster-preferred-endpoint-type`.
    pub preferred_endpoint: Endpoint,
    /// `cluster-require-full-coverage`.
    pub require_full_coverage: bool,
    /// `cluster-allow-reads-when-down`.
    pub allow_reads_when_down: bool,
    /// `cluster-allow-pubsubshard-when-down`.
    pub allow_pubsubshard_when_down: bool,
    /// `cluster-allow-replica-migration`.
    pub allow_replica_migration: bool,
    /// `cluster-migration-barrier`.
    pub migration_barrier: usize,
    /// `cluster-replica-no-failover`.
    pub replica_no_failover: bool,
    /// `cluster-replica-validity-factor`; 0 for no bound on the age of a replica's data.
    pub replica_validity_factor: u64,
    /// `repl-ping-replica-period`, in seconds.
    pub repl_ping_replica_period: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            node_timeout: 15_000,
            port: 6379,
            bus_port: 16_379,
            announce_ip: None,
            announce_hostname: String::new(),
            announce_human_name: String::new(),
            preferred_endpoint: Endpoint::Ip,
            require_full_coverage: true,
            allow_reads_when_down: false,
            allow_pubsubshard_when_down: true,
            allow_replica_migration: true,
            migration_barrier: 1,
            replica_no_failover: false,
            replica_validity_factor: 10,
            repl_ping_replica_period: 10,
        }
    }
}
