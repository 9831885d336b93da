//! The engine: the one value that owns everything.
//!
//! The edge hands it the bytes of one client at a time, ticks, and what came from other nodes; it leaves replies in the
//! clients' outputs and [`Task`]s for the edge. No input or output happens here; the time comes from a function that
//! it is made with.

pub mod blocking;
pub mod client;
pub mod clients;
pub mod host;
pub mod latency;
pub mod observed;
pub mod propagation;
pub mod replication;
pub mod script;
pub mod slow_log;
pub mod snapshot;
pub mod statistics;
pub mod subscribers;
pub mod transaction;
pub mod users;

mod blocked;
pub mod cluster;
mod feed;
mod limits;
mod memory;
mod tick;

use client::{Client, ClientId};
use clients::Clients;
use observed::Observed;
use propagation::Propagation;
use replication::{Following, PrimaryTask};
use snapshot::Snapshots;
use statistics::Statistics;
use users::Users;

pub use feed::Fed;

use crate::engine::cluster::{Cluster, Effect};
use crate::engine::commands;
use crate::engine::commands::table::{CommandId, Table};
use crate::engine::config::Config;
use crate::engine::keyspace::Keyspace;
use crate::engine::keyspace::events::Classes;
use crate::engine::keyspace::evict::Pool;
use crate::engine::log::LogLevel;
use crate::engine::replication::Settings;
use crate::engine::resp::Reply;
use crate::engine::scripting::Scripts;

/// What the engine needs of the outside: functions, so that tests can have others.
pub struct Outside {
    /// Microseconds since the epoch; never goes back.
    pub now: Box<dyn Fn() -> i64>,
    /// Memory that is taken, bytes.
    pub memory: Box<dyn Fn() -> usize>,
    /// Begins to write a file of this name in the working folder.
    pub create: Box<CreateFile>,
    /// Asks another node, and waits for its replies.
    pub exchange: Box<Exchange>,
    /// The machine.
    pub host: Box<dyn host::Host>,
    /// The seed of everything that is random.
    pub seed: u64,
}

/// Begins a file of this name.
pub type CreateFile = dyn Fn(&str) -> Result<Box<dyn NewFile>, String>;

/// Sends a request to a host and port, and waits so many milliseconds for so many lines of replies.
pub type Exchange = dyn Fn(&str, u16, i64, &[u8], usize) -> Result<Vec<String>, ExchangeError>;

/// Where an exchange has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeError {
    /// There is no connection.
    Connect,
    /// The request could not be sent.
    Write,
    /// Not all replies came in time: what was asked may have been done.
    Read,
}

/// A file that is being written; it is there under its name only when it is finished.
pub trait NewFile {
    /// Appends bytes.
    ///
    /// # Errors
    /// What the system says.
    fn write(&mut self, bytes: &[u8]) -> Result<(), String>;

    /// Puts the file in its place, safely on the disk.
    ///
    /// # Errors
    /// What the system says.
    fn finish(self: Box<Self>) -> Result<(), String>;
}

impl Outside {
    /// One without files, network or time, for tests.
    #[cfg(test)]
    pub fn nowhere() -> Self {
        Outside {
            now: Box::new(|| 1_700_000_000_000_000),
            memory: Box::new(|| 0),
            create: Box::new(|_| Err("there is no disk".to_owned())),
            exchange: Box::new(|_, _, _, _, _| Err(ExchangeError::Connect)),
            host: Box::new(host::NoHost::default()),
            seed: 7,
        }
    }
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Outside").field("seed", &self.seed).finish_non_exhaustive()
    }
}

/// What the edge is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// There is output for the client at this place.
    Wake(usize),
    /// The timer is to look again when it must wake next.
    Sooner,
    /// What the bus asks for, in its order.
    Bus(Effect),
    /// Write a snapshot while other things go on, and tell `saved_in_background`.
    Save {
        /// The file's name in the working folder.
        file: String,
        /// The whole snapshot.
        bytes: Vec<u8>,
    },
    /// A line for the log.
    Log(LogLevel, String),
    /// What the link to the primary needs.
    Primary(PrimaryTask),
    /// End the process.
    Shutdown {
        /// Write a snapshot before; `None`: if there are save points.
        save: Option<bool>,
    },
}

/// Everything of one node.
#[derive(Debug)]
pub struct Engine {
    /// What is set.
    pub config: Config,
    /// The commands by name.
    pub table: Table,
    /// The databases.
    pub keyspace: Keyspace,
    /// The reply of the command at hand.
    pub reply: Reply,
    /// The client whose command it is.
    pub client: Box<Client>,
    /// The other clients.
    pub clients: Clients,
    /// What is random.
    pub random: fastrand::Rng,
    /// What replicas are to hear.
    pub propagation: Propagation,
    /// What was counted.
    pub statistics: Statistics,
    /// Candidates for eviction.
    pub pool: Pool,
    /// What the edge is to do.
    pub tasks: Vec<Task>,
    /// What is outside.
    pub outside: Outside,
    /// What operators ask for.
    pub observed: Observed,
    /// Who may come in.
    pub users: Users,
    /// When clients that stay away too long were last looked for, milliseconds since the epoch.
    pub idlers_sought: i64,
    /// The command at hand is one of a blocked client, asked again.
    pub retrying: bool,
    /// The command at hand may not block: it is in a transaction or in a script.
    pub may_not_block: bool,
    /// The command at hand.
    pub current: CommandId,
    /// Whether expired keys are looked for: DEBUG SET-ACTIVE-EXPIRE.
    pub active_expire: bool,
    /// Deadlines of blocked clients, milliseconds since the epoch.
    pub deadlines: std::collections::BTreeSet<(i64, ClientId)>,
    /// Clients that get all commands.
    pub monitors: Vec<ClientId>,
    /// All clients pause until then, milliseconds since the epoch.
    pub paused_until: Option<i64>,
    /// The pause holds for writes alone.
    pub pause_writes_only: bool,
    /// Writes wait until then for a failover that this node's replica was asked for, milliseconds since the epoch.
    pub failover_pause: Option<i64>,
    /// What is remembered of snapshots on disk.
    pub snapshots: Snapshots,
    /// This node's view of its cluster, where it is in one.
    pub cluster: Option<Box<Cluster>>,
    /// Who has subscribed to what.
    pub subscribers: subscribers::Subscribers,
    /// Scripts that are known.
    pub scripts: Scripts,
    /// The script that runs.
    pub script: Option<script::Running>,
    /// Serves other clients while a script runs on and on.
    pub pump: Option<script::Pump>,
    /// Memory was above its limit when the command at hand began.
    pub short_of_memory: bool,
    /// Scripts may ask every command: DEBUG SET-DISABLE-DENY-SCRIPTS.
    pub allow_noscript: bool,
    /// Its primary, and its replicas.
    pub replication: Box<Following>,
}

impl Engine {
    /// A new one with nothing in it.
    pub fn new(config: Config, outside: Outside) -> Self {
        let mut keyspace = Keyspace::new(config.general.databases as usize, config.cluster.enabled);
        keyspace.now = (outside.now)() / 1000;
        keyspace.clock.set(keyspace.now);
        let mut random = fastrand::Rng::with_seed(outside.seed);
        let observed = Observed::new((outside.now)(), (outside.memory)(), &mut random);
        let mut table = commands::table();
        for (from, to) in &config.general.renamed_commands {
            // What can't be renamed was refused when the configuration was read.
            table.rename(from, to);
        }
        let replication = Box::new(Following::new(Settings::new(&config), random.fork(), keyspace.now));
        let mut engine = Engine {
            // Rules that can't be applied were refused by then, too.
            users: Users::configured(&config.access).unwrap_or_default(),
            observed,
            table,
            keyspace,
            reply: Reply::default(),
            client: Box::default(),
            clients: Clients::default(),
            random,
            replication,
            propagation: Propagation::default(),
            statistics: Statistics::default(),
            pool: Pool::default(),
            tasks: Vec::new(),
            idlers_sought: 0,
            retrying: false,
            may_not_block: false,
            current: 0,
            active_expire: true,
            deadlines: std::collections::BTreeSet::new(),
            monitors: Vec::new(),
            paused_until: None,
            pause_writes_only: false,
            failover_pause: None,
            snapshots: Snapshots::default(),
            cluster: None,
            subscribers: subscribers::Subscribers::default(),
            scripts: Scripts::new(config.general.lua_enable_deprecated_api),
            script: None,
            pump: None,
            short_of_memory: false,
            allow_noscript: false,
            config,
            outside,
        };
        engine.statistics.commands.resize_with(engine.table.len(), Default::default);
        engine.snapshots.last_save = engine.now() / 1000;
        engine.apply_config();
        engine
    }

    /// Takes over what the configuration says into what acts by it; to be called after it has changed.
    pub fn apply_config(&mut self) {
        let clock = &mut self.keyspace.clock;
        clock.policy = self.config.memory.policy;
        clock.log_factor = self.config.memory.lfu_log_factor;
        clock.decay_minutes = self.config.memory.lfu_decay_time_minutes;
        let events = self.config.collections.notify_keyspace_events;
        self.keyspace.wanted_events = Classes(u32::from(events.0));
        self.replication.core.settings = Settings::new(&self.config);
        self.apply_cluster_settings();
    }

    /// Milliseconds since the epoch, as of the command at hand.
    #[inline]
    pub fn now(&self) -> i64 {
        self.keyspace.now
    }

    /// Looks at the clock.
    #[inline]
    pub fn look_at_clock(&mut self) -> i64 {
        let micros = (self.outside.now)();
        let now = micros / 1000;
        if now != self.keyspace.now {
            self.keyspace.now = now;
            self.keyspace.clock.set(now);
        }
        micros
    }

    /// Sends bytes to a client out of turn, whichever it is.
    pub fn push(&mut self, id: ClientId, bytes: &[u8]) {
        if id == self.client.id {
            match &mut self.script {
                Some(script) => script.pushed.extend_from_slice(bytes),
                None => self.reply.raw(bytes),
            }
        } else if let Some(client) = self.clients.get_mut(id) {
            client.output.extend_from_slice(bytes);
            let place = client.slot;
            let task = Task::Wake(place);
            if self.tasks.last() != Some(&task) {
                self.tasks.push(task);
            }
            self.check_output(place);
        }
    }

    /// Calls `look` with each client, the one at hand among them, by number.
    pub fn each_client(&self, mut look: impl FnMut(&Client)) {
        let mut all: Vec<&Client> = self.clients.iter().collect();
        if self.clients.place_of(self.client.id).is_some() {
            all.push(&self.client);
        }
        all.sort_unstable_by_key(|client| client.id);
        all.into_iter().for_each(&mut look);
    }
}
