//! The edge: sockets, timers and signals around one engine.
//!
//! One thread. Connections are tasks that borrow the engine between two awaits; nothing here decides what a command
//! does.

mod connection;
mod listen;
mod shared;
mod timer;

use std::io::IsTerminal;
use std::rc::Rc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::signal::unix::{SignalKind, signal};

use crate::engine::config::Config;
use crate::engine::log::Log;
use crate::engine::program::{self, PidFile};
use crate::engine::state::{Engine, Outside};
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
    let outside = Outside { now: clock(), memory: Box::new(memory), seed: fastrand::u64(..) };
    let shared = Rc::new(Shared::new(Engine::new(config, outside), log));
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    for listener in listeners {
        tokio::task::spawn_local(listen::accept(listener, Rc::clone(&shared)));
    }
    let timer = tokio::task::spawn_local(timer::run(Rc::clone(&shared)));
    shared.log.notice("Ready to accept connections");
    tokio::select! {
        _ = terminate.recv() => shared.log.warning("Received SIGTERM scheduling shutdown..."),
        _ = interrupt.recv() => shared.log.warning("Received SIGINT scheduling shutdown..."),
        () = shared.shutdown.notified() => {}
    }
    timer.abort();
    shared.log.warning("User requested shutdown...");
    shared.log.warning("Redis is now ready to exit, bye bye...");
    Ok(())
}

/// Microseconds since the epoch, by a clock that never goes back.
fn clock() -> Box<dyn Fn() -> i64> {
    let start = Instant::now();
    let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Box::new(move || i64::try_from((epoch + start.elapsed()).as_micros()).unwrap_or(i64::MAX))
}
