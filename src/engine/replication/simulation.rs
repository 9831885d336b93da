//! Nodes wired to each other under a virtual clock, with links that are slow, end, or fall silent; from seeds.
//!
//! A node's data is the list of all writes that it knows, each with its database. Snapshots are that list as text.

mod scripts;
mod world;
