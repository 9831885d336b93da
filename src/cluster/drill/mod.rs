//! The failover drill: fails a shard over while a writer and a reader watch it, and tells what they saw.

pub mod report;
