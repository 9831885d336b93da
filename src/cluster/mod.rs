//! Talks to a live cluster, as a client does: over the Redis protocol and nothing else.
//!
//! Knows `observed` for what the cloud tells; never the AWS edge. [`reach`] makes every connection; [`look`] asks every
//! node, [`probe`] writes and reads; [`placed`] puts what was seen into shards, [`nodes`] makes rows of it for people,
//! and [`verify`] holds it against what is planned.

pub mod drill;
pub mod info;
pub mod look;
pub mod nodes;
pub mod placed;
pub mod probe;
pub mod reach;
pub mod slots;
pub mod topology;
pub mod verify;
