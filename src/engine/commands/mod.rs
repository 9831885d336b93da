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
mod client;
mod client_line;
mod cluster;
mod configuration;
mod connection;
mod debug;
mod digest;
mod dispatch;
mod elements;
mod help;
mod info;
mod info_replication;
mod info_sections;
mod introspection;
mod latency;
mod lcs;
mod lists;
mod memory;
mod migrate;
mod monitor;
mod pubsub;
mod replication;
mod scanning;
mod scripting;
mod server;
mod slow;
mod snapshots;
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
        client::COMMANDS,
        cluster::COMMANDS,
        configuration::COMMANDS,
        connection::COMMANDS,
        debug::COMMANDS,
        info::COMMANDS,
        introspection::COMMANDS,
        latency::COMMANDS,
        lists::COMMANDS,
        memory::COMMANDS,
        migrate::COMMANDS,
        monitor::COMMANDS,
        pubsub::COMMANDS,
        replication::COMMANDS,
        scripting::COMMANDS,
        server::COMMANDS,
        slow::COMMANDS,
        snapshots::COMMANDS,
        sorted_sets::COMMANDS,
        strings::COMMANDS,
        transactions::COMMANDS,
    ])
}
