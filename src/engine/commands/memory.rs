//! MEMORY: how much a key takes, and how much there is.

use super::arguments::{integer, is};
use super::command::{Command, Flags};
use super::error::{Error, Outcome};
use super::help::{container, help};
use super::info_sections::ratio;
use crate::engine::keyspace::entry::Entry;
use crate::engine::state::Engine;
use crate::engine::state::client::{Client, Role};

/// How many elements of a collection are looked at when nothing is said.
const SAMPLES: i64 = 5;

const fn row(name: &'static str, execute: super::command::Execute, summary: &'static str) -> Command {
    Command::new(name, 2, execute).about("server", "4.0.0", summary)
}

/// The commands of this file.
pub const COMMANDS: &[Command] =
    &[Command::new("memory", -2, container).about("server", "4.0.0", "What takes how much memory.").with(&[
        row("doctor", doctor, "Says in words whether memory is as it should be."),
        row("malloc-stats", allocator, "Shows what the allocator says."),
        row("purge", purge, "Gives free memory back to the system."),
        row("stats", statistics, "Shows what takes how much memory."),
        Command::new("usage", -3, usage).flags(Flags::READONLY).range(2, 2, 1, "RO").about(
            "server",
            "4.0.0",
            "Shows how much memory a key takes.",
        ),
        row("help", show_help, "Shows what MEMORY can do.").flags(Flags::LOADING.and(Flags::STALE)),
    ])];

fn usage(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let samples = match arguments {
        [_, _, _] => SAMPLES,
        [_, _, _, option, samples] if is(option, "SAMPLES") => integer(samples)?,
        _ => return Err(Error::SYNTAX),
    };
    let samples = usize::try_from(samples).map_err(|_| Error::SYNTAX)?;
    let key = arguments[2];
    let Some(entry) = engine.keyspace.peek(key) else {
        engine.reply.null();
        return Ok(());
    };
    let taken = size_of::<Entry>() + entry.name().heap_bytes() + entry.value.heap_bytes(samples);
    // Its share of the table that finds it: a bucket, and half of one that is free.
    let share = size_of::<u32>() * 3 / 2;
    engine.reply.count(taken + share);
    Ok(())
}

fn statistics(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    let report = engine.memory_report();
    let keys: usize = engine.keyspace.databases().iter().map(|database| database.len()).sum();
    let databases = engine.keyspace.databases().iter().enumerate().filter(|(_, database)| !database.is_empty());
    let databases: Vec<(usize, usize, usize)> =
        databases.map(|(number, database)| (number, database.table_bytes(), database.expires().heap_bytes())).collect();
    let reply = &mut engine.reply;
    reply.map(27 + databases.len());
    let mut field = |name: &str, value: usize| {
        reply.text(name);
        reply.count(value);
    };
    field("peak.allocated", report.peak);
    field("total.allocated", report.used);
    field("startup.allocated", report.startup);
    field("replication.backlog", report.backlog);
    field("clients.slaves", report.replicas);
    field("clients.normal", report.clients);
    field("cluster.links", 0);
    field("aof.buffer", 0);
    field("lua.caches", report.cached_scripts);
    field("functions.caches", 0);
    for (number, table, expires) in databases {
        reply.text(&format!("db.{number}"));
        reply.map(3);
        for (name, value) in [
            ("overhead.hashtable.main", table.saturating_sub(expires)),
            ("overhead.hashtable.expires", expires),
            ("overhead.hashtable.slot-to-keys", 0),
        ] {
            reply.text(name);
            reply.count(value);
        }
    }
    let mut field = |name: &str, value: usize| {
        reply.text(name);
        reply.count(value);
    };
    field("overhead.total", report.overhead);
    field("keys.count", keys);
    field("keys.bytes-per-key", report.used.saturating_sub(report.startup).checked_div(keys).unwrap_or(0));
    field("dataset.bytes", report.dataset());
    for (name, value) in
        [("dataset.percentage", report.dataset_percent()), ("peak.percentage", ratio(report.used, report.peak) * 100.0)]
    {
        reply.text(name);
        reply.double(value);
    }
    let mut field = |name: &str, value: usize| {
        reply.text(name);
        reply.count(value);
    };
    field("allocator.allocated", report.used);
    field("allocator.active", report.resident);
    field("allocator.resident", report.resident);
    let extra = report.resident.saturating_sub(report.used);
    for (name, share, bytes) in [
        ("allocator-fragmentation", ratio(report.resident, report.used), extra),
        ("allocator-rss", 1.0, 0),
        ("rss-overhead", 1.0, 0),
    ] {
        reply.text(&format!("{name}.ratio"));
        reply.double(share);
        reply.text(&format!("{name}.bytes"));
        reply.count(bytes);
    }
    reply.text("fragmentation");
    reply.double(ratio(report.resident, report.used));
    reply.text("fragmentation.bytes");
    reply.count(extra);
    Ok(())
}

fn doctor(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    let report = engine.memory_report();
    // What is taken at the start says nothing: below this, ratios are noise.
    const ENOUGH: usize = 5 << 20;
    let text = if report.used < ENOUGH {
        "There is too little data in this instance to say anything of its memory.\n".to_owned()
    } else if ratio(report.peak, report.used) > 1.5 {
        "The peak of memory was much higher than what is taken now: what is resident may be more than is needed.\n"
            .to_owned()
    } else if ratio(report.resident, report.used) > 1.4 {
        "Much more memory is resident than is taken: it is fragmented, or something else in the process takes it.\n"
            .to_owned()
    } else {
        "No memory problem was found in this instance.\n".to_owned()
    };
    engine.reply.verbatim("txt", &text);
    Ok(())
}

fn allocator(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    let report = engine.memory_report();
    let text =
        format!("mimalloc: {} bytes are taken, {} at most, {} resident.\n", report.used, report.peak, report.resident);
    engine.reply.verbatim("txt", &text);
    Ok(())
}

/// The allocator gives memory back by itself.
fn purge(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    engine.reply.ok();
    Ok(())
}

fn show_help(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let lines = [
        ("DOCTOR", "Says in words whether memory is as it should be."),
        ("MALLOC-STATS", "Shows what the allocator says."),
        ("PURGE", "Gives free memory back to the system, which happens by itself."),
        ("STATS", "Shows what takes how much memory."),
        ("USAGE <key> [SAMPLES <count>]", "Shows how many bytes a key takes."),
    ];
    help(engine, arguments, &lines)
}

/// What takes how much memory, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryReport {
    /// All that is taken.
    pub used: usize,
    /// The most that ever was.
    pub peak: usize,
    /// What was taken before there was data.
    pub startup: usize,
    /// What is resident.
    pub resident: usize,
    /// What the machine has.
    pub total: usize,
    /// What is no data: tables, clients, the backlog, what was taken at the start.
    pub overhead: usize,
    /// The replication backlog.
    pub backlog: usize,
    /// What waits for replicas.
    pub replicas: usize,
    /// Other clients.
    pub clients: usize,
    /// Lua.
    pub scripts: usize,
    /// Scripts that are kept.
    pub cached_scripts: usize,
    /// How many those are.
    pub cached_script_count: usize,
}

impl MemoryReport {
    /// Data.
    pub fn dataset(&self) -> usize {
        self.used.saturating_sub(self.overhead)
    }

    /// Data among all that came after the start, percents.
    pub fn dataset_percent(&self) -> f64 {
        ratio(self.dataset(), self.used.saturating_sub(self.startup)).min(1.0) * 100.0
    }
}

impl Engine {
    /// What takes how much memory.
    pub fn memory_report(&mut self) -> MemoryReport {
        let used = (self.outside.memory)();
        self.statistics.peak_memory = self.statistics.peak_memory.max(used);
        let usage = self.outside.host.usage();
        let (mut replicas, mut clients) = (0, 0);
        self.each_client(|client: &Client| {
            let taken = size_of::<Client>() + client.output.capacity() + client.unread;
            *(if client.role == Role::Replica { &mut replicas } else { &mut clients }) += taken;
        });
        let tables: usize = self.keyspace.databases().iter().map(|database| database.table_bytes()).sum();
        let keys: usize = self.keyspace.databases().iter().map(|database| database.len()).sum();
        let startup = self.observed.startup_memory;
        let (backlog, scripts) = (
            self.replication.core.heap_bytes(),
            (self.scripts.lua_memory(), self.scripts.cache_memory(), self.scripts.len()),
        );
        MemoryReport {
            used,
            peak: self.statistics.peak_memory,
            startup,
            resident: usage.resident,
            total: usage.total_memory,
            // Entries are in the tables with their values: what is beside the value is no data.
            overhead: startup + tables.saturating_sub(keys * 24) + backlog + replicas + clients + scripts.1,
            backlog,
            replicas,
            clients,
            scripts: scripts.0,
            cached_scripts: scripts.1,
            cached_script_count: scripts.2,
        }
    }
}
