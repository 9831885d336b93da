//! SLOWLOG, and what is noted of commands that took long.

use super::arguments::integer_within;
use super::command::{Command, Flags};
use super::error::{Error, Outcome};
use super::help::{container, help};
use crate::engine::state::Engine;
use crate::engine::state::slow_log::{SlowCommand, shortened};

const OPERATOR: Flags = Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE);

/// The commands of this file.
pub const COMMANDS: &[Command] =
    &[Command::new("slowlog", -2, container).about("server", "2.2.12", "Commands that took long.").with(&[
        Command::new("get", -2, get).flags(OPERATOR).about("server", "2.2.12", "Shows the latest slow commands."),
        Command::new("len", 2, length).flags(OPERATOR).about("server", "2.2.12", "Counts the slow commands."),
        Command::new("reset", 2, reset).flags(OPERATOR).about("server", "2.2.12", "Forgets all slow commands."),
        Command::new("help", 2, show_help).flags(Flags::LOADING.and(Flags::STALE)).about(
            "server",
            "6.2.0",
            "Shows what SLOWLOG can do.",
        ),
    ])];

fn get(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let count = match arguments {
        [_, _] => 10,
        [_, _, count] => {
            integer_within(count, -1, i64::MAX, Error::fixed("ERR count should be greater than or equal to -1"))
                .map_err(|_| Error::fixed("ERR count should be greater than or equal to -1"))?
        }
        _ => return Err(Error::fixed("ERR wrong number of arguments for 'slowlog|get' command")),
    };
    let Engine { reply, observed, .. } = engine;
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(observed.slow_log.len());
    reply.array(count);
    for entry in observed.slow_log.entries().take(count) {
        reply.array(6);
        reply.integer(entry.id);
        reply.integer(entry.at_seconds);
        reply.integer(i64::try_from(entry.micros).unwrap_or(i64::MAX));
        reply.bulks(&entry.arguments);
        reply.text(&entry.address);
        reply.bulk(&entry.client_name);
    }
    Ok(())
}

fn length(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    engine.reply.count(engine.observed.slow_log.len());
    Ok(())
}

fn reset(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    engine.observed.slow_log.clear();
    engine.reply.ok();
    Ok(())
}

fn show_help(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let lines = [
        (
            "GET [<count>]",
            "Shows the latest slow commands (10 of them, or so many; -1 for all), each with its id, time, microseconds, \
             arguments, client address and client name.",
        ),
        ("LEN", "Counts the slow commands."),
        ("RESET", "Forgets all slow commands."),
    ];
    help(engine, arguments, &lines)
}

impl Engine {
    /// Notes a command that took long, in the slow log and among the latency spikes.
    #[inline]
    pub fn note_slow(&mut self, command: &Command, arguments: &[&[u8]], micros: u64) {
        let statistics = &self.config.statistics;
        let threshold = statistics.latency_monitor_threshold_ms;
        let slow = u64::try_from(statistics.slowlog_log_slower_than_us).is_ok_and(|limit| micros >= limit);
        if slow && !command.flags.has(Flags::SKIP_SLOWLOG) {
            self.log_slow(arguments, micros);
        }
        if threshold > 0 && micros >= threshold.unsigned_abs().saturating_mul(1000) {
            let event = if command.flags.has(Flags::FAST) { "fast-command" } else { "command" };
            self.note_latency(event, micros);
        }
    }

    /// Notes how long something took, if that is longer than what is watched for.
    pub fn note_latency(&mut self, event: &'static str, micros: u64) {
        let ms = i64::try_from(micros / 1000).unwrap_or(i64::MAX);
        let threshold = self.config.statistics.latency_monitor_threshold_ms;
        if threshold > 0 && ms >= threshold {
            self.observed.latency.add(event, self.keyspace.now / 1000, ms);
        }
    }

    #[cold]
    fn log_slow(&mut self, arguments: &[&[u8]], micros: u64) {
        let name = &self.table.row(self.current).full_name;
        let entry = SlowCommand {
            id: 0,
            at_seconds: self.keyspace.now / 1000,
            micros,
            arguments: shortened(name, arguments),
            address: self.client.address.clone(),
            client_name: self.client.name.clone(),
        };
        self.observed.slow_log.add(entry, self.config.statistics.slowlog_max_len);
    }
}
