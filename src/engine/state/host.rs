//! What the engine asks of the machine it runs on, and can only be answered at once: files, addresses to listen at,
//! what the process has used. The edge answers it; tests have [`NoHost`].

use crate::engine::config::files::{Files, NoFiles};
use crate::engine::config::settings::Network;
use crate::engine::log::LogLevel;

/// The machine.
pub trait Host {
    /// Its files, as far as configuration is concerned.
    fn files(&mut self) -> &mut dyn Files;

    /// Listens at these addresses and port from now on, and at no others.
    ///
    /// # Errors
    /// One of them can't be listened at; nothing has changed.
    fn listen(&mut self, network: &Network) -> Result<(), String>;

    /// Tells the kernel whom to kill first when memory runs out; `None`: what it was told before the process began.
    ///
    /// # Errors
    /// It would not listen.
    fn set_oom_score(&mut self, score: Option<i32>, relative: bool) -> Result<(), String>;

    /// Writes a line to the log.
    fn log(&mut self, level: LogLevel, line: &str);

    /// Logs nothing below this level from now on.
    fn set_log_level(&mut self, level: LogLevel);

    /// Does nothing for a while, and lets nobody else do anything.
    fn sleep(&mut self, microseconds: u64);

    /// What the process has used so far.
    fn usage(&self) -> Usage;

    /// The number of the process.
    fn process_id(&self) -> u32;

    /// The system's name, its release and the machine's architecture.
    fn system(&self) -> String;
}

/// What a process has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Memory that is resident, bytes.
    pub resident: usize,
    /// Memory of the whole machine, bytes.
    pub total_memory: usize,
    /// Time in the kernel, microseconds.
    pub system_us: u64,
    /// Time outside it, microseconds.
    pub user_us: u64,
    /// Time of children in the kernel, microseconds.
    pub children_system_us: u64,
    /// Time of children outside it, microseconds.
    pub children_user_us: u64,
}

/// No machine at all.
#[derive(Debug, Default)]
pub struct NoHost(NoFiles);

impl Host for NoHost {
    fn files(&mut self) -> &mut dyn Files {
        &mut self.0
    }
    fn listen(&mut self, _: &Network) -> Result<(), String> {
        Ok(())
    }
    fn set_oom_score(&mut self, _: Option<i32>, _: bool) -> Result<(), String> {
        Ok(())
    }
    fn log(&mut self, _: LogLevel, _: &str) {}
    fn set_log_level(&mut self, _: LogLevel) {}
    fn sleep(&mut self, _: u64) {}
    fn usage(&self) -> Usage {
        Usage::default()
    }
    fn process_id(&self) -> u32 {
        0
    }
    fn system(&self) -> String {
        "none".to_owned()
    }
}
