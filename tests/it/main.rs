//! All integration tests, in one crate: one link, one binary.

mod architecture;
mod cli;
mod executing;
mod fake_cloud;
mod node_serve;
mod planning;
mod sandbox;
mod with_engine;
