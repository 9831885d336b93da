//! The machine that the node runs on, as the engine asks for it.

use std::fs;
use std::time::Duration;

use super::doors::Doors;
use crate::engine::config::files::{Files, RealFiles};
use crate::engine::config::settings::Network;
use crate::engine::log::{Log, LogLevel};
use crate::engine::state::host::{Host, Usage};

/// Where Linux takes the process's OOM score.
const OOM_SCORE: &str = "/proc/self/oom_score_adj";

/// This machine.
pub struct Machine {
    files: RealFiles,
    doors: Doors,
    log: Log,
    /// What the OOM score was when the process began.
    oom_score_before: Option<i32>,
}

impl Machine {
    /// With these doors for clients, and this log.
    pub fn new(doors: Doors, log: Log) -> Self {
        let before = fs::read_to_string(OOM_SCORE).ok().and_then(|text| text.trim().parse().ok());
        Machine { files: RealFiles, doors, log, oom_score_before: before }
    }
}

impl Host for Machine {
    fn files(&mut self) -> &mut dyn Files {
        &mut self.files
    }

    fn listen(&mut self, network: &Network) -> Result<(), String> {
        self.doors.reopen(network)
    }

    fn set_oom_score(&mut self, score: Option<i32>, relative: bool) -> Result<(), String> {
        let before = self.oom_score_before.unwrap_or(0);
        let score = match score {
            None => before,
            Some(score) if relative => before + score,
            Some(score) => score,
        };
        let written = fs::write(OOM_SCORE, score.clamp(-1000, 1000).to_string());
        written.map_err(|error| {
            self.log.warning(format_args!("Unable to write oom_score_adj: {error}"));
            error.to_string()
        })
    }

    fn log(&mut self, level: LogLevel, line: &str) {
        self.log.write(level, line);
    }

    fn set_log_level(&mut self, level: LogLevel) {
        self.log.set_level(level);
    }

    fn sleep(&mut self, microseconds: u64) {
        std::thread::sleep(Duration::from_micros(microseconds));
    }

    fn process_id(&self) -> u32 {
        std::process::id()
    }

    fn usage(&self) -> Usage {
        let [user_us, system_us, children_user_us, children_system_us] = processor_times();
        Usage {
            resident: kilobytes("/proc/self/status", "VmRSS:") * 1024,
            total_memory: kilobytes("/proc/meminfo", "MemTotal:") * 1024,
            system_us,
            user_us,
            children_system_us,
            children_user_us,
        }
    }

    fn system(&self) -> String {
        let read = |name: &str| fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
        format!("{} {} {}", read("ostype").trim(), read("osrelease").trim(), std::env::consts::ARCH)
    }
}

/// Times outside the kernel and in it, of the process and of its children; microseconds.
fn processor_times() -> [u64; 4] {
    /// Linux counts these in hundredths of a second, whatever the machine (`USER_HZ`).
    const MICROSECONDS_A_TICK: u64 = 10_000;
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The program's name, in parentheses, may hold anything; the first time is the 12th word behind it.
    let words = text.rsplit_once(')').map_or("", |(_, words)| words).split_whitespace().skip(11);
    let mut times = [0; 4];
    for (time, word) in times.iter_mut().zip(words) {
        *time = word.parse::<u64>().unwrap_or(0) * MICROSECONDS_A_TICK;
    }
    times
}

/// The number behind a word in a file of Linux's; 0 where there is none.
fn kilobytes(file: &str, word: &str) -> usize {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(word));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
