//! `shardform-node`: the self-hostable local cloud.
//!
//! The edge: reads the arguments and the environment, and hands both to the library with the output streams.

use std::process::ExitCode;

use shardform::engine::{self, allocator};
use shardform::node::program::{self, EmbeddedEngine, Environment};

/// The engine's memory is counted: `maxmemory` goes by it.
#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

#[expect(clippy::disallowed_methods, reason = "the edge, where the environment is read once")]
fn main() -> ExitCode {
    let environment = Environment {
        path: std::env::var_os("PATH").unwrap_or_default(),
        home: std::env::var_os("HOME").map(Into::into),
        xdg_state_home: std::env::var_os("XDG_STATE_HOME").map(Into::into),
        engine: std::env::current_exe().ok().map(|program| EmbeddedEngine::of(program, &["engine"], engine::run)),
    };
    program::main(std::env::args_os(), environment, &mut std::io::stdout(), &mut std::io::stderr()).into()
}
