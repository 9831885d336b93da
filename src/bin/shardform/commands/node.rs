//! `node`: all of `shardform-node`, so that one executable is enough for a local run.

use std::ffi::OsString;

use shardform::node::program;

use crate::environment::Environment;
use crate::error::EXIT_ERROR;

pub(super) fn run(args: &[OsString], environment: &Environment) -> u8 {
    let all = std::iter::once(OsString::from("shardform-node")).chain(args.iter().cloned());
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let code = program::main(all, environment.for_node(), &mut out, &mut err);
    // Its 2 for wrong usage would mean differences here.
    if code == 0 { 0 } else { EXIT_ERROR }
}
