//! What `HELP` of a command with subcommands answers, and what such a command is without one.

use super::error::{Error, Outcome};
use crate::engine::state::Engine;

/// Answers with a heading, these lines and a footing. Lines come in pairs: how it is asked, and what it does.
pub fn help(engine: &mut Engine, arguments: &[&[u8]], lines: &[(&str, &str)]) -> Outcome {
    let name = String::from_utf8_lossy(arguments.first().copied().unwrap_or_default()).to_uppercase();
    engine.reply.array(lines.len() * 2 + 3);
    engine.reply.status(&format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for (syntax, meaning) in lines.iter().chain(&[("HELP", "Prints this help.")]) {
        engine.reply.status(syntax);
        engine.reply.status(&format!("    {meaning}"));
    }
    Ok(())
}

/// A command that is nothing without a subcommand: its arity keeps it from running.
pub fn container(_: &mut Engine, _: &[&[u8]]) -> Outcome {
    Err(Error::SYNTAX)
}
