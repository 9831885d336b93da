//! The embedded engine: one Redis-compatible cluster node.
//!
//! Run as `shardform-node engine [redis.conf] [--directive value ...]`. It imports nothing else of this crate, and nothing
//! else imports it but the program that runs it. In reading order:
//!
//! * Pure, values in and values out: [`data`] has the collections and their compact encodings; [`resp`] reads requests
//!   and writes replies; [`keyspace`] is databases, expiry, eviction and who watches what; [`commands`] is the table
//!   of commands and what each does, [`state`] what they act on: the engine; [`scripting`] runs Lua; [`rdb`] reads and writes snapshots; [`cluster`] decides
//!   what a node says on the bus and what it believes; [`replication`] decides what a primary and a replica do next;
//!   [`config`] is what can be set.
//! * The edge: [`server`] has sockets, timers and files; [`log`] writes lines; [`program`] is the command line.

use std::ffi::OsString;
use std::io::Write;

pub mod config;
pub mod data;

pub mod cluster;
pub mod commands;
pub mod keyspace;
pub mod rdb;
pub mod replication;
pub mod resp;
pub mod scripting;

pub mod allocator;
pub mod log;
pub mod program;
pub mod server;
pub mod state;

/// The whole program: reads the arguments after `engine`, serves until it is told to end, and answers with the exit
/// code.
pub fn run(arguments: Vec<OsString>, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    // Nobody may foresee which keys share a bucket.
    data::dict::seed_process(fastrand::u64(..));
    let table = commands::table();
    let mut serve = |config, log| server::run(config, log, allocator::used);
    let mut parts = program::Parts { is_command: &|name| table.by_name(name).is_some(), serve: &mut serve };
    program::run(arguments, &mut parts, out, err)
}
