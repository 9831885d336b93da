//! The table of commands, and what each does.
//!
//! One file a family: each has its rows in `COMMANDS` and the functions that they name. Commands read and change the
//! [`Keyspace`](crate::engine::keyspace::Keyspace) and write to the engine's reply; they do no input or output.

pub mod arguments;
pub mod command;
pub mod error;
pub mod redaction;
pub mod table;

mod access;
mod acl;
mod bitfield;
mod bits;
mod client;
mod client_line;
mod cluster;
mod configuration;
mod connection;
mod debug;
mod digest;
mod dispatch;
mod elements;
mod expiry;
mod hashes;
mod help;
mod info;
mod info_replication;
mod info_sections;
mod introspection;
mod keys;
mod latency;
mod lcs;
mod lists;
mod memory;
mod migrate;
mod monitor;
mod pubsub;
mod replication;
mod scan;
mod scanning;
mod scripting;
mod server;
mod sets;
mod slow;
mod snapshots;
mod sort;
mod sorted_sets;
mod strings;
#[cfg(test)]
mod testing;
mod transactions;

use table::Table;

/// All commands.
pub fn table() -> Table {
    Table::new(&[
        access::COMMANDS,
        acl::COMMANDS,
        bits::COMMANDS,
        client::COMMANDS,
        cluster::COMMANDS,
        configuration::COMMANDS,
        connection::COMMANDS,
        debug::COMMANDS,
        expiry::COMMANDS,
        info::COMMANDS,
        introspection::COMMANDS,
        keys::COMMANDS,
        latency::COMMANDS,
        hashes::COMMANDS,
        lists::COMMANDS,
        memory::COMMANDS,
        migrate::COMMANDS,
        monitor::COMMANDS,
        pubsub::COMMANDS,
        replication::COMMANDS,
        scan::COMMANDS,
        scripting::COMMANDS,
        server::COMMANDS,
        slow::COMMANDS,
        sets::COMMANDS,
        snapshots::COMMANDS,
        sort::COMMANDS,
        sorted_sets::COMMANDS,
        strings::COMMANDS,
        transactions::COMMANDS,
    ])
}
