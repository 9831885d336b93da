//! `shardform-node serve`: the local cloud. It answers the AWS API (ElastiCache, and the parts of EC2, STS and SSM that
//! a plan needs) and keeps real cluster nodes running behind it.
//!
//! [`wanted`] is the seam: the control side says which nodes it wants, the fleet says which there are. Nothing here
//! imports the command line's side; the two meet only over HTTP.

mod api;
pub mod control;
pub mod fleet;
pub mod log;
mod peer;
pub mod program;
pub mod serve;
pub mod server;
pub mod store;
#[cfg(test)]
mod test_folder;
pub mod wanted;
