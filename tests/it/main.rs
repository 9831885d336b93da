//! All integration tests, in one crate: one link, one binary.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, says what it skips, and hands the programs their PATH"
)]

mod architecture;
mod cli;
mod drilling;
mod executing;
mod failing_over;
mod fake_cloud;
mod hand_formed;
mod init_ci;
mod keeping;
mod looking;
mod node_serve;
mod over_ssh;
mod planning;
mod proxy;
mod sandbox;
mod sshd;
mod stacks;
mod tutorial;
mod verify;
mod with_engine;
