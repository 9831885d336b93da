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
