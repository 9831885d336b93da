//! shardform: a Redis or Valkey cluster on AWS ElastiCache from one plan file.
//!
//! Two programs share this library and meet only on the wire: `shardform`, the command line, and
//! `shardform-node`, the local cloud. [`node`] is the local cloud's side and never imports the rest.

pub mod resource;
pub mod spec;

pub mod node;
