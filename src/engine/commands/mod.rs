//! The table of commands, and what each does.
//!
//! One file a family: each has its rows in `COMMANDS` and the functions that they name. Commands read and change the
//! [`Keyspace`](crate::engine::keyspace::Keyspace) and write to the engine's reply; they do no input or output.

pub mod arguments;
pub mod command;
pub mod error;
pub mod table;

mod cluster;
mod connection;
mod dispatch;
mod elements;
mod lcs;
mod lists;
mod migrate;
mod pubsub;
mod replication;
mod scanning;
mod server;
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
        cluster::COMMANDS,
        connection::COMMANDS,
        lists::COMMANDS,
        migrate::COMMANDS,
        pubsub::COMMANDS,
        replication::COMMANDS,
        server::COMMANDS,
        snapshots::COMMANDS,
        sorted_sets::COMMANDS,
        strings::COMMANDS,
        transactions::COMMANDS,
    ])
}
