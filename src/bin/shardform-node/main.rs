//! `shardform-node`: the self-hostable local cloud.
//!
//! The edge: reads the arguments and the environment, and hands both to the library with the output streams.

use std::process::ExitCode;

use shardform::node::program::{self, Environment};

#[expect(clippy::disallowed_methods, reason = "the edge, where the environment is read once")]
fn main() -> ExitCode {
    let environment = Environment {
        path: std::env::var_os("PATH").unwrap_or_default(),
        home: std::env::var_os("HOME").map(Into::into),
        xdg_state_home: std::env::var_os("XDG_STATE_HOME").map(Into::into),
    };
    program::main(std::env::args_os(), environment, &mut std::io::stdout(), &mut std::io::stderr()).into()
}
