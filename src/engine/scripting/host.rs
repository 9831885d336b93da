//! What a running script asks of the engine.

use super::flags::ScriptFlags;

/// The engine, as a script sees it. While a script runs it holds the engine through this alone.
pub trait Host {
    /// Runs a command for the script and appends its whole reply to `reply`, in the protocol version that `options` has.
    ///
    /// A command that may not run (unknown, wrong number of arguments, not allowed from scripts, denied, …) answers with
    /// an error reply as any other; the statistics of errors are the host's. `arguments` has at least one element.
    fn call(&mut self, arguments: &[&[u8]], options: CallOptions, reply: &mut Vec<u8>);

    /// Whether the user who runs the script may run this command; None where there is no such command.
    fn is_allowed(&mut self, arguments: &[&[u8]]) -> Option<bool>;

    /// Writes a line to the log, if lines of that level are written.
    fn log(&mut self, level: LogLevel, line: &[u8]);

    /// Called each time the script has run some 100,000 Lua instructions (about a millisecond). The host looks at its
    /// clock, and once the script is slow it serves its connections from here: no borrow but this one is held.
    fn on_progress(&mut self) -> Progress;
}

/// How a script's command is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallOptions {
    /// The protocol version of the reply, 2 or 3.
    pub resp: u8,
    /// Where the command's effects go.
    pub propagation: Propagation,
}

/// Where the effects of a script's commands go, as `redis.set_repl` chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Propagation {
    /// To the append-only file.
    pub to_file: bool,
    /// To replicas.
    pub to_replicas: bool,
}

impl Propagation {
    /// Everywhere: what every script starts with.
    pub const ALL: Propagation = Propagation { to_file: true, to_replicas: true };
}

/// The levels of `redis.log`, from the least to the most important.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Debug,
    Verbose,
    Notice,
    Warning,
}

/// Whether a script goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It goes on.
    Continue,
    /// It ends with an error that it cannot catch.
    Kill,
}

/// One run of a script.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// What the script sees as KEYS.
    pub keys: &'a [&'a [u8]],
    /// What the script sees as ARGV.
    pub arguments: &'a [&'a [u8]],
    /// The protocol version of the client that gets the reply, 2 or 3.
    pub resp: u8,
}

/// What became of a run, beside the reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The errors in the reply, at any depth. One that isn't `counted` is news to the statistics of errors; any makes the
    /// command one that failed.
    pub errors: Vec<ScriptError>,
}

/// An error in a script's reply.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptError {
    /// `CODE message`.
    pub text: Vec<u8>,
    /// Whether a command of the script answered with it, so that it is counted already.
    pub counted: bool,
}

/// A reason that a script could not be taken in: `-ERR` and this is the reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The first line says that the script is for something else, or something that isn't known.
    #[error("{0}")]
    Shebang(String),
    /// It isn't Lua.
    #[error("Error compiling script (new function): {0}")]
    Syntax(String),
    /// There is no Lua to be had.
    #[error("{0}")]
    World(String),
}

/// The flags that `body` declares, without compiling it; None where its first line can't be read.
pub fn declared_flags(body: &[u8]) -> Option<ScriptFlags> {
    super::flags::read_shebang(body).ok().map(|shebang| shebang.flags)
}
