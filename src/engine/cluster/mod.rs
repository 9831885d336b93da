//! The cluster bus, topology and elections, as step functions: what a node says to others and what it believes.
//!
//! [`Cluster`] is one node's view. The edge hands in what happens (`tick`, `link_accepted`, `link_opened`,
//! `link_closed`, `receive`, `command`, `publish`) together with a [`World`], and carries out the [`Effect`]s that
//! come back, in their order. It calls `tick` when `next_tick` says so, which may be sooner after any step, and
//! `replication_advanced` when a replica has taken in its primary's data or, while `waits_for_replication`, more of its
//! stream. In reading order:
//!
//! * [`slots`], [`node_id`], [`flags`], [`node`], [`settings`]: the values; [`message`]: bytes of the bus.
//! * `state` and `configuration`: small changes, and who serves what; [`nodes_conf`]: all of it as text.
//! * `receive`, `gossip`, `links`, `tick`: the steps; `failure`, `election`, `manual_failover`, `migration`, `health`:
//!   what they decide.
//! * [`redirect`], [`queries`], [`command`]: for clients.
//!
//! It must not know sockets, files, clocks or keys.

pub mod command;
mod configuration;
mod effects;
mod election;
mod failure;
pub mod flags;
mod gossip;
mod health;
mod links;
mod manual_failover;
pub mod message;
mod migration;
pub mod node;
pub mod node_id;
pub mod nodes_conf;
#[cfg(test)]
mod peers;
pub mod queries;
mod receive;
pub mod redirect;
pub mod settings;
#[cfg(test)]
mod simulation;
pub mod slots;
mod state;
mod tick;

pub use effects::{Effect, KeysInSlots, Level, LinkId, NoKeys, PrimaryLink, World};
pub use message::Frames;
pub use node_id::NodeId;
pub use nodes_conf::ConfError;
pub use queries::Value;
pub use redirect::{Access, Down, Route};
pub use settings::{Endpoint, Settings};
pub use slots::key_slot;
pub use state::{Cluster, Statistics};
