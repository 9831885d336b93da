//! EVAL and its kin, SCRIPT, and what a running script may ask of the engine.

use super::arguments::{integer, is};
use super::command::{Categories, Command, Execute, Flags};
use super::error::{Error, Outcome};
use super::table::{CommandId, Found};
use crate::engine::cluster::PrimaryLink;
use crate::engine::cluster::slots::key_slot;
use crate::engine::config::choices::LogLevel;
use crate::engine::keyspace::Authority;
use crate::engine::resp::Reply;
use crate::engine::scripting::{self, CallOptions, Host, Invocation, Progress, Script, ScriptFlags};
use crate::engine::state::Engine;
use crate::engine::state::client::Role;
use crate::engine::state::script::Running;

const EVAL: Flags = Flags::NOSCRIPT.and(Flags::SKIP_MONITOR).and(Flags::STALE);

const fn eval_row(name: &'static str, execute: Execute, flags: Flags, since: &'static str) -> Command {
    let access = if flags.has(Flags::READONLY) { "RO" } else { "RW" };
    Command::new(name, -3, execute)
        .flags(EVAL.and(flags))
        .counted(2, 3, 0, access)
        .categories(Categories::SCRIPTING)
        .about("scripting", since, "Executes a server-side Lua script.")
}

const fn within(name: &'static str, arity: i16, execute: Execute, summary: &'static str) -> Command {
    Command::new(name, arity, execute).flags(Flags::NOSCRIPT).categories(Categories::SCRIPTING).about(
        "scripting",
        "2.6.0",
        summary,
    )
}

const SUBCOMMANDS: &[Command] = &[
    within("debug", 3, debug, "Sets the debug mode of server-side Lua scripts."),
    within("exists", -3, exists, "Determines whether server-side Lua scripts exist in the script cache."),
    within("flush", -2, flush, "Removes all server-side Lua scripts from the script cache."),
    within("help", 2, help, "Returns helpful text about the subcommands.").flags(Flags::LOADING.and(Flags::STALE)),
    within("kill", 2, kill, "Terminates a server-side Lua script during execution.").flags(Flags::ALLOW_BUSY),
    within("load", 3, load, "Loads a server-side Lua script to the script cache.").flags(Flags::STALE),
];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    eval_row("eval", eval, Flags::MAY_REPLICATE, "2.6.0"),
    eval_row("eval_ro", eval_ro, Flags::READONLY, "7.0.0"),
    eval_row("evalsha", evalsha, Flags::MAY_REPLICATE, "2.6.0"),
    eval_row("evalsha_ro", evalsha_ro, Flags::READONLY, "7.0.0"),
    Command::new("script", -2, help).categories(Categories::SCRIPTING).flags(Flags::NOSCRIPT).with(SUBCOMMANDS).about(
        "scripting",
        "2.6.0",
        "A container for Lua scripts management commands.",
    ),
];

const NO_SCRIPT: Error = Error::fixed("NOSCRIPT No matching script. Please use EVAL.");
const NO_REPLICAS: &str = "NOREPLICAS";
/// What clients get while a script runs on and on.
pub const BUSY: Error =
    Error::fixed("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.");
const OUT_OF_MEMORY: Error = Error::fixed("OOM command not allowed when used memory > 'maxmemory'.");

fn eval(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    by_body(engine, arguments, false)
}

fn eval_ro(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    by_body(engine, arguments, true)
}

fn evalsha(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    by_name(engine, arguments, false)
}

fn evalsha_ro(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    by_name(engine, arguments, true)
}

fn by_body(engine: &mut Engine, arguments: &[&[u8]], read_only: bool) -> Outcome {
    let keys = count_keys(arguments)?;
    let script = engine.scripts.load(arguments[1]).map_err(|error| Error::worded(format!("ERR {error}")))?;
    run(engine, &script, keys, arguments, read_only)
}

fn by_name(engine: &mut Engine, arguments: &[&[u8]], read_only: bool) -> Outcome {
    if arguments[1].len() != 40 {
        return Err(NO_SCRIPT);
    }
    let keys = count_keys(arguments)?;
    let script = engine.scripts.find(arguments[1]).ok_or(NO_SCRIPT)?;
    run(engine, &script, keys, arguments, read_only)
}

fn count_keys(arguments: &[&[u8]]) -> Result<usize, Error> {
    let count = integer(arguments[2])?;
    let most = i64::try_from(arguments.len() - 3).unwrap_or(i64::MAX);
    if count > most {
        return Err(Error::fixed("ERR Number of keys can't be greater than number of args"));
    }
    usize::try_from(count).map_err(|_| Error::fixed("ERR Number of keys can't be negative"))
}

fn run(engine: &mut Engine, script: &Script, keys: usize, arguments: &[&[u8]], read_only: bool) -> Outcome {
    let flags = script.flags();
    engine.check_script(flags, read_only)?;
    let (keys, rest) = arguments.get(3..).unwrap_or_default().split_at_checked(keys).unwrap_or_default();
    let slot = keys.first().filter(|_| engine.cluster.is_some()).map(|key| key_slot(key));
    engine.script = Some(Running {
        name: *script.name(),
        flags,
        read_only: read_only || flags.no_writes,
        since: (engine.outside.now)(),
        slot,
        short_of_memory: engine.short_of_memory,
        wrote: false,
        slow: false,
        killed: false,
        pushed: Vec::new(),
    });
    let invocation = Invocation { keys, arguments: rest, resp: if engine.client.resp3 { 3 } else { 2 } };
    let (database, selected) = (engine.client.database, engine.keyspace.selected);
    let may_not_block = std::mem::replace(&mut engine.may_not_block, true);
    engine.propagation.depth += 1;
    let reply = std::mem::take(&mut engine.reply);

    let mut answer = Vec::new();
    let outcome = script.run(&invocation, &mut ScriptHost { engine }, &mut answer);

    engine.reply = reply;
    engine.propagation.depth -= 1;
    engine.may_not_block = may_not_block;
    (engine.client.database, engine.keyspace.selected) = (database, selected);
    if let Some(script) = engine.script.take() {
        engine.reply.raw(&script.pushed);
    }
    engine.reply.raw(&answer);
    engine.propagation.nothing();
    for error in outcome.errors {
        if !error.counted {
            let code = error.text.split(|byte| *byte == b' ').next().unwrap_or_default();
            let code = if code.len() == error.text.len() { b"ERR" } else { code };
            engine.statistics.error(&String::from_utf8_lossy(code));
        }
        engine.statistics.commands[engine.current].failed += 1;
    }
    Ok(())
}

/// A running script's view of the engine.
struct ScriptHost<'a> {
    engine: &'a mut Engine,
}

impl Host for ScriptHost<'_> {
    fn call(&mut self, arguments: &[&[u8]], options: CallOptions, reply: &mut Vec<u8>) {
        let engine = &mut *self.engine;
        engine.reply = Reply::behind(std::mem::take(reply), options.resp == 3);
        match engine.admit_from_script(arguments) {
            Ok(id) => {
                let pending = engine.propagation.pending.len();
                engine.call(id, arguments);
                if !options.propagation.to_replicas {
                    engine.propagation.pending.truncate(pending);
                }
            }
            Err((error, id)) => {
                engine.reply_error(&error);
                if let Some(id) = id {
                    engine.statistics.commands[id].rejected += 1;
                }
            }
        }
        *reply = std::mem::take(&mut engine.reply).into_bytes();
    }

    fn is_allowed(&mut self, arguments: &[&[u8]]) -> Option<bool> {
        match self.engine.table.find(arguments) {
            Found::Command(id) => Some(self.engine.may_ask(id, arguments)),
            _ => None,
        }
    }

    fn log(&mut self, level: scripting::LogLevel, line: &[u8]) {
        let level = match level {
            scripting::LogLevel::Debug => LogLevel::Debug,
            scripting::LogLevel::Verbose => LogLevel::Verbose,
            scripting::LogLevel::Notice => LogLevel::Notice,
            scripting::LogLevel::Warning => LogLevel::Warning,
        };
        self.engine.outside.host.log(level, &String::from_utf8_lossy(line));
    }

    fn on_progress(&mut self) -> Progress {
        let engine = &mut *self.engine;
        let patience = engine.config.general.busy_reply_threshold_ms;
        let now = (engine.outside.now)();
        let Some(script) = &mut engine.script else { return Progress::Continue };
        let millis = (now - script.since) / 1000;
        if patience == 0 || millis < patience {
            return Progress::Continue;
        }
        if !std::mem::replace(&mut script.slow, true) {
            let name = String::from_utf8_lossy(&script.name);
            let text = format!(
                "Slow script detected: still in execution after {millis} milliseconds. You can try killing the script \
                 using the SCRIPT KILL command. Script name is: {name}."
            );
            engine.outside.host.log(LogLevel::Warning, &text);
        }
        engine.serve_others();
        match &engine.script {
            Some(script) if script.killed => Progress::Kill,
            _ => Progress::Continue,
        }
    }
}

type Refusal = (Error, Option<CommandId>);

impl Engine {
    /// The flags of a command, or those that a script has declared about itself.
    #[inline]
    pub fn flags_of(&self, command: &Command, arguments: &[&[u8]]) -> Flags {
        if !command.categories.has(Categories::SCRIPTING) {
            return command.flags;
        }
        let declared = match command.name {
            "eval" | "eval_ro" => match self.scripts.find_body(arguments[1]) {
                Some(script) => Some(script.flags()),
                None => scripting::declared_flags(arguments[1]),
            },
            "evalsha" | "evalsha_ro" => self.scripts.find(arguments[1]).map(|script| script.flags()),
            _ => None,
        };
        match declared {
            Some(flags) if flags.declared => as_command_flags(command.flags, flags),
            _ => command.flags,
        }
    }

    /// Whether a script with these flags may begin.
    fn check_script(&mut self, flags: ScriptFlags, read_only: bool) -> Outcome {
        if !flags.declared {
            return match self.is_stale() {
                true => Err(Error::fixed(
                    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
                )),
                false => Ok(()),
            };
        }
        if flags.no_cluster && self.cluster.is_some() {
            return Err(Error::fixed("ERR Can not run script on cluster, 'no-cluster' flag is set."));
        }
        if self.is_stale() && !flags.allow_stale {
            return Err(Error::fixed(
                "MASTERDOWN Link with MASTER is down, replica-serve-stale-data is set to 'no' and 'allow-stale' flag is \
                 not set on the script.",
            ));
        }
        if !flags.no_writes {
            self.check_script_may_write(read_only)?;
        }
        if self.short_of_memory && !flags.allow_oom && !flags.no_writes {
            return Err(Error::fixed(
                "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
            ));
        }
        Ok(())
    }

    fn check_script_may_write(&self, read_only: bool) -> Outcome {
        let allowed = if self.client.role == Role::Primary { Ok(()) } else { self.check_may_write() };
        match allowed {
            Err(error) if error.code() == NO_REPLICAS && !read_only => Err(error),
            Err(error) if error.code() != NO_REPLICAS => {
                Err(Error::fixed("READONLY Can not run script with write flag on readonly replica"))
            }
            _ if read_only => Err(Error::fixed("ERR Can not execute a script with write flag using *_ro command.")),
            _ => Ok(()),
        }
    }

    /// Whether what this replica has may be too old to be shown.
    fn is_stale(&self) -> bool {
        self.keyspace.authority != Authority::Own
            && !self.config.replication.serve_stale_data
            && matches!(self.link_to_primary(), PrimaryLink::Down { .. })
    }

    /// Whether the running script may ask this command.
    fn admit_from_script(&mut self, arguments: &[&[u8]]) -> Result<CommandId, Refusal> {
        let Found::Command(id) = self.table.find(arguments) else {
            return Err((Error::fixed("ERR Unknown Redis command called from script"), None));
        };
        let command = self.table.row(id).command;
        if !command.takes(arguments.len()) {
            return Err((Error::fixed("ERR Wrong number of args calling Redis command from script"), Some(id)));
        }
        match self.check_script_command(id, command, arguments) {
            Ok(()) => Ok(id),
            Err(error) => Err((error, Some(id))),
        }
    }

    fn check_script_command(&mut self, id: CommandId, command: &'static Command, arguments: &[&[u8]]) -> Outcome {
        let flags = command.flags;
        if flags.has(Flags::NOSCRIPT) && !self.allow_noscript {
            return Err(Error::fixed("ERR This Redis command is not allowed from script"));
        }
        if self.is_stale() && !flags.has(Flags::STALE) {
            return Err(Error::fixed("ERR Can not execute the command on a stale replica"));
        }
        if self.client.restricted {
            self.check_script_permission(id, arguments)?;
        }
        let Some(script) = &self.script else { return Ok(()) };
        let (wrote, declared) = (script.wrote, script.flags);
        if script.read_only && flags.has(Flags::WRITE.and(Flags::MAY_REPLICATE)) {
            return Err(Error::fixed("ERR Write commands are not allowed from read-only scripts."));
        }
        let obeys = self.client.role == Role::Primary;
        // What has begun to write may not be stopped half way.
        if flags.has(Flags::WRITE) && !wrote && !obeys {
            self.check_may_write()?;
        }
        let spares = script.short_of_memory && !wrote && !obeys && !declared.allow_oom;
        if spares && self.config.memory.maxmemory > 0 && flags.has(Flags::DENYOOM) {
            return Err(OUT_OF_MEMORY);
        }
        if let Some(script) = &mut self.script {
            script.wrote |= flags.has(Flags::WRITE);
        }
        if self.cluster.is_some() && !obeys { self.check_script_keys(command, arguments) } else { Ok(()) }
    }

    /// Whether the keys of a script's command are here, and in the slot of its other keys.
    fn check_script_keys(&mut self, command: &'static Command, arguments: &[&[u8]]) -> Outcome {
        self.route(command, arguments).map_err(|error| match &*error.0 {
            "CLUSTERDOWN The cluster is down and only accepts read commands" => {
                Error::fixed("ERR Script attempted to execute a write command while the cluster is down and readonly")
            }
            "CLUSTERDOWN The cluster is down" => {
                Error::fixed("ERR Script attempted to execute a command while the cluster is down")
            }
            _ => Error::fixed("ERR Script attempted to access a non local key in a cluster node"),
        })?;
        let place = command.key_places(arguments).and_then(|places| places.first().copied());
        let (Some(key), Some(script)) = (place.and_then(|place| arguments.get(place)), &mut self.script) else {
            return Ok(());
        };
        let slot = *script.slot.get_or_insert(key_slot(key));
        if script.flags.declared && !script.flags.allow_cross_slot_keys && slot != key_slot(key) {
            return Err(Error::fixed("ERR Script attempted to access keys that do not hash to the same slot"));
        }
        Ok(())
    }
}

/// What a script declares, as flags of the command that runs it.
fn as_command_flags(flags: Flags, script: ScriptFlags) -> Flags {
    let judged = Flags::STALE.and(Flags::DENYOOM).and(Flags::WRITE).and(Flags::MAY_REPLICATE);
    let mut flags = Flags(flags.0 & !judged.0);
    if !script.allow_oom && !script.no_writes {
        flags = flags.and(Flags::DENYOOM);
    }
    if !script.no_writes {
        flags = flags.and(Flags::WRITE);
    }
    if script.allow_stale { flags.and(Flags::STALE) } else { flags }
}

fn load(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let script = engine.scripts.load(arguments[2]).map_err(|error| Error::worded(format!("ERR {error}")))?;
    engine.reply.bulk(script.name());
    Ok(())
}

fn exists(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    engine.reply.array(arguments.len() - 2);
    for name in &arguments[2..] {
        let known = engine.scripts.find(name).is_some();
        engine.reply.flag(known);
    }
    Ok(())
}

fn flush(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    match arguments[2..] {
        [] => {}
        [mode] if is(mode, "sync") || is(mode, "async") => {}
        _ => return Err(Error::fixed("ERR SCRIPT FLUSH only support SYNC|ASYNC option")),
    }
    engine.scripts.flush();
    engine.reply.ok();
    Ok(())
}

fn kill(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    let Some(script) = &mut engine.script else {
        return Err(Error::fixed("NOTBUSY No scripts in execution right now."));
    };
    if script.wrote {
        return Err(Error::fixed(
            "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the \
             script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
        ));
    }
    script.killed = true;
    engine.reply.ok();
    Ok(())
}

fn debug(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    if is(arguments[2], "no") {
        engine.reply.ok();
        Ok(())
    } else if is(arguments[2], "yes") || is(arguments[2], "sync") {
        Err(Error::fixed("ERR This engine has no debugger for scripts"))
    } else {
        Err(Error::fixed("ERR Use SCRIPT DEBUG YES/SYNC/NO"))
    }
}

fn help(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    super::help::help(
        engine,
        arguments,
        &[
            ("DEBUG (YES|SYNC|NO)", "Set the debug mode for subsequent scripts executed."),
            (
                "EXISTS <sha1> [<sha1> ...]",
                "Return information about the existence of the scripts in the script cache.",
            ),
            ("FLUSH [ASYNC|SYNC]", "Flush the Lua scripts cache. Very dangerous on replicas."),
            ("KILL", "Kill the currently executing Lua script."),
            ("LOAD <script>", "Load a script into the scripts cache without executing it."),
        ],
    )
}
