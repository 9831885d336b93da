//! `node`: all of `shardform-node`, so that one executable is enough for a local run.

use std::ffi::OsString;

use shardform::engine;
use shardform::node::program::{self, EmbeddedEngine};

use crate::environment::Environment;

/// The engine's memory is counted: `maxmemory` goes by it.
#[global_allocator]
static ALLOCATOR: engine::allocator::Counting = engine::allocator::Counting;

pub(super) fn run(args: &[OsString], environment: &Environment) -> u8 {
    let all = std::iter::once(OsString::from("shardform-node")).chain(args.iter().cloned());
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let node_environment = program::Environment {
        path: environment.raw("PATH").cloned().unwrap_or_default(),
        home: environment.raw("HOME").map(Into::into),
        xdg_state_home: environment.raw("XDG_STATE_HOME").map(Into::into),
        engine: environment
            .executable
            .clone()
            .map(|program| EmbeddedEngine::of(program, &["node", "engine"], engine::run)),
    };
    program::main(all, node_environment, &mut out, &mut err)
}
