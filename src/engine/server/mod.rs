//! The edge: sockets, timers and signals around one engine.
//!
//! One thread. Connections are tasks that borrow the engine between two awaits; nothing here decides what a command
//! does.

mod bus;
mod connection;
mod doors;
mod exchange;
mod files;
mod host;
mod listen;
mod primary;
mod pump;
mod shared;
mod timer;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::unbounded_channel;

use crate::engine::cluster::Cluster;
use crate::engine::config::Config;
use crate::engine::config::settings::{Network, ShutdownOptions};
use crate::engine::log::Log;
use crate::engine::program::{self, PidFile};
use crate::engine::state::cluster::{bus_port, settings};
use crate::engine::state::{Engine, Outside};
use doors::{Door, Doors};
use host::Machine;
use shared::Shared;

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The runtime, or signals.
    #[error("Could not start: {0}")]
    System(#[from] std::io::Error),
    /// An address can't be listened on.
    #[error("Could not create server TCP listening socket {address}: bind: {reason}")]
    Listen {
        /// The address and port.
        address: String,
        /// What the system says.
        reason: String,
    },
    /// The cluster bus has no port.
    #[error("Redis port number too high for cluster mode: {0}. Set cluster-port to a free port")]
    BusPort(u16),
    /// The snapshot on disk can't be read.
    #[error("Fatal error loading the DB, check server logs. Exiting. {}: {reason}", .file.display())]
    Snapshot {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// nodes.conf can't be read or written.
    #[error("Unrecoverable error: corrupted cluster config file {}: {reason}", .file.display())]
    NodesFile {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Runs a node until it is told to end; answers with the status to exit with. `memory` tells how much memory is taken,
/// bytes.
pub fn run(config: Config, log: Log, memory: fn() -> usize) -> u8 {
    let started = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, serve(config, log.clone(), memory))
    };
    match started() {
        Ok(()) => 0,
        Err(error) => {
            log.warning(error);
            1
        }
    }
}

async fn serve(config: Config, log: Log, memory: fn() -> usize) -> Result<(), StartError> {
    let listeners = listen::bind(&config.network).await?;
    let _pid_file = PidFile::create(&config);
    program::announce(&config, &log, std::io::stdout().is_terminal());
    log.warning("Server initialized");
    let (path, by_path) = (config.network.unixsocket.clone(), listen::bind_path(&config.network)?);
    let doors: Vec<Door> = listeners.into_iter().map(Door::new).collect();
    let (attendant, arrivals) = unbounded_channel();
    let machine = Machine::new(Doors::new(doors.clone(), config.network.clone(), attendant), log.clone());
    let outside = Outside {
        now: clock(),
        host: Box::new(machine),
        memory: Box::new(memory),
        create: files::creator(&config.general.dir),
        exchange: exchange::exchanger(),
        seed: fastrand::u64(..),
    };
    let (clustered, nodes_file) = (config.cluster.enabled, nodes_file(&config));
    let bus_listeners = if clustered { listen_to_bus(&config).await? } else { Vec::new() };
    let mut engine = Engine::new(config, outside);
    files::load(&mut engine, &log)?;
    if clustered {
        join(&mut engine, &nodes_file)?;
    }
    if let Some((host, port)) = engine.config.replication.primary.clone() {
        engine.follow(host, port);
    }
    let shared = Rc::new(Shared::new(engine, nodes_file, log));
    shared.settle(&mut shared.engine());
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    shared.engine().pump = Some(pump::pump(&shared));
    for door in doors {
        tokio::task::spawn_local(listen::accept(door, Rc::clone(&shared)));
    }
    tokio::task::spawn_local(listen::attend(arrivals, Rc::clone(&shared)));
    if let Some(listener) = by_path {
        tokio::task::spawn_local(listen::accept_at_path(listener, path.clone(), Rc::clone(&shared)));
    }
    for listener in bus_listeners {
        tokio::task::spawn_local(bus::accept(listener, Rc::clone(&shared)));
    }
    let timer = tokio::task::spawn_local(timer::run(Rc::clone(&shared)));
    shared.log.notice("Ready to accept connections");
    loop {
        let options = tokio::select! {
            _ = terminate.recv() => {
                shared.log.warning("Received SIGTERM scheduling shutdown...");
                shared.engine().config.general.shutdown_on_sigterm
            }
            _ = interrupt.recv() => {
                shared.log.warning("Received SIGINT scheduling shutdown...");
                shared.engine().config.general.shutdown_on_sigint
            }
            // Who asked for it has seen to the rest.
            () = shared.shutdown.notified() => ShutdownOptions { nosave: shared.ends_unsaved.get(), ..Default::default() },
        };
        shared.log.warning("User requested shutdown...");
        if may_end(&shared, options) {
            break;
        }
    }
    timer.abort();
    if !path.is_empty() {
        // It is of no use to anybody any more; a file that stays is replaced at the next start.
        let _ = std::fs::remove_file(&path);
    }
    shared.log.warning("Redis is now ready to exit, bye bye...");
    Ok(())
}

/// Writes a last snapshot, if one is wanted; tells whether the node may end.
fn may_end(shared: &Shared, options: ShutdownOptions) -> bool {
    let mut engine = shared.engine();
    if !options.save && (options.nosave || engine.config.snapshot.save.is_empty()) {
        return true;
    }
    shared.log.notice("Saving the final RDB snapshot before exiting.");
    match engine.save() {
        Ok(()) => {
            shared.log.notice("DB saved on disk");
            true
        }
        Err(error) if options.force => {
            shared.log.warning(format_args!("Error trying to save the DB. Exit anyway. {error}"));
            true
        }
        Err(error) => {
            shared.log.warning(format_args!("Error trying to save the DB, can't exit. {error}"));
            false
        }
    }
}

/// Where nodes.conf is.
fn nodes_file(config: &Config) -> PathBuf {
    Path::new(&config.general.dir).join(&config.cluster.config_file)
}

async fn listen_to_bus(config: &Config) -> Result<Vec<TcpListener>, StartError> {
    let port = bus_port(config).ok_or(StartError::BusPort(config.network.port))?;
    let network = Network { port, ..config.network.clone() };
    listen::bind(&network).await
}

/// Takes up the cluster that nodes.conf tells of, or begins as a node that is alone.
fn join(engine: &mut Engine, file: &Path) -> Result<(), StartError> {
    let now = u64::try_from(engine.now()).unwrap_or(0);
    let settings = settings(&engine.config);
    let unusable = |reason: String| StartError::NodesFile { file: file.to_owned(), reason };
    let cluster = match std::fs::read_to_string(file) {
        Ok(text) if !text.is_empty() => {
            Cluster::load(settings, &text, now).map_err(|error| unusable(error.to_string()))?
        }
        Ok(_) => Cluster::fresh(settings, now, &mut engine.random),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Cluster::fresh(settings, now, &mut engine.random),
        Err(error) => return Err(unusable(error.to_string())),
    };
    bus::save(file, &cluster.nodes_conf(), true).map_err(|error| unusable(error.to_string()))?;
    let target = cluster.replication_target();
    engine.cluster = Some(Box::new(cluster));
    engine.cluster_step(|cluster, world| cluster.adopt_loaded_keys(world));
    if let Some((host, port)) = target {
        engine.follow(host, port);
    }
    Ok(())
}

/// Microseconds since the epoch, by a clock that never goes back.
fn clock() -> Box<dyn Fn() -> i64> {
    let start = Instant::now();
    let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Box::new(move || i64::try_from((epoch + start.elapsed()).as_micros()).unwrap_or(i64::MAX))
}
