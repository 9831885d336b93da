//! One file a subcommand: takes its arguments, calls the library, and renders. This one only chooses.

mod apply;
mod cleanup;
mod connect;
mod destroy;
mod events;
mod failover;
mod init;
mod init_ci;
mod list;
mod local;
mod node;
mod nodes;
mod plan;
mod status;
mod tunnel;
mod validate;
mod verify;

use crate::args::{Args, Change, Command, Global};
use crate::carry_out::{Manner, carry_out};
use crate::environment::Environment;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::session::{Intent, Session};
use crate::terminal::Terminal;
use crate::view::json::EndEvent;

/// Runs the command; answers with the exit code.
pub fn run(args: Args, environment: &Environment, terminal: &Terminal) -> Result<u8, Error> {
    let context = Context { global: &args.global, environment, terminal };
    match &args.command {
        Command::Init(args) => init::run(args, &context),
        Command::Validate(args) => validate::run(args, &context),
        Command::Plan(args) => plan::run(args, &context),
        Command::Apply(args) => apply::run(args, &context),
        Command::Destroy(args) => destroy::run(args, &context),
        Command::Status(args) => status::run(args, &context),
        Command::Failover(args) => failover::run(args, &context),
        Command::List(args) => list::run(args, &context),
        Command::Cleanup(args) => cleanup::run(args, &context),
        Command::Verify(args) => verify::run(args, &context),
        Command::Nodes(args) => nodes::run(args, &context),
        Command::Events(args) => events::run(args, &context),
        Command::Connect(args) => connect::run(args, &context),
        Command::Tunnel(args) => tunnel::run(args, &context),
        Command::Local(args) => local::run(args, &context),
        Command::Node { args } => Ok(node::run(args, environment)),
    }
}

/// What every command gets.
struct Context<'a> {
    global: &'a Global,
    environment: &'a Environment,
    terminal: &'a Terminal,
}

/// Runs what needs a runtime. One thread does for some twenty calls, and starts in no time.
fn block_on<T>(work: impl AsyncFnOnce(Interrupt) -> Result<T, Error>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Error::Runtime)?;
    let result = runtime.block_on(async { work(Interrupt::listen()).await });
    // A question that nobody has answered must not hold up the end.
    runtime.shutdown_background();
    result
}

/// What `apply` and `destroy` are: the same way, with another intent. The last line for programs comes in any case.
fn change(
    args: &Change,
    intent: Intent,
    more: impl FnOnce(Session) -> Session,
    context: &Context,
) -> Result<u8, Error> {
    let (terminal, environment) = (context.terminal, context.environment);
    let manner = Manner { intent, yes: args.yes, timeout: args.timeout };
    let result = block_on(async |interrupt: Interrupt| {
        let opening = Session::open(&args.plan_file, intent, context.global, environment, terminal);
        let session = more(interrupt.leaving(opening).await?);
        carry_out(&session, &manner, &interrupt, terminal).await
    });
    match result {
        Err(error) if terminal.json && !matches!(error, Error::Told(_)) => {
            terminal.print_json(&EndEvent::not_begun(&error))?;
            Err(error.told())
        }
        result => result,
    }
}
