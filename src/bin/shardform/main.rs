//! `shardform`: a Redis or Valkey cluster on AWS ElastiCache from one plan file.
//!
//! Knows how the program begins and ends: arguments in, exit code out. All errors are printed in one place (`error`).

mod account;
mod args;
mod carry_out;
mod child;
mod cleaning;
mod commands;
mod ending;
mod environment;
mod error;
mod expected;
mod host;
mod interrupt;
mod local;
mod plan_file;
mod progress;
mod prompt;
mod reach;
mod report_file;
mod session;
mod survey;
mod tail;
mod terminal;
mod verification;
mod view;

use std::process::ExitCode;

fn main() -> ExitCode {
    let environment = environment::Environment::capture();
    let args = match args::parse(&environment) {
        Ok(args) => args,
        Err(early) => return early.print(),
    };
    let terminal = terminal::Terminal::new(&args.global, &environment);
    let code = match commands::run(args, &environment, &terminal) {
        Ok(code) => code,
        Err(error) => error::report(&error, &terminal),
    };
    ExitCode::from(code)
}
