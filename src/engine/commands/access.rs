//! AUTH, HELLO and RESET: who a connection speaks for, and in which version of the protocol.

use super::arguments::{integer, is};
use super::client_line::line;
use super::command::{Categories, Command, Flags};
use super::error::{Error, Outcome};
use super::table::CommandId;
use crate::engine::config::REDIS_VERSION;
use crate::engine::state::Engine;
use crate::engine::state::client::{ReplyMode, Role};
use crate::engine::state::observed::Refusal;
use crate::engine::state::users::DEFAULT;

const ANYTIME: Flags =
    Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST).and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY);

const WRONG_PASSWORD: Error = Error::fixed("WRONGPASS invalid username-password pair or user is disabled.");

const fn row(name: &'static str, arity: i16, execute: super::command::Execute) -> Command {
    Command::new(name, arity, execute).flags(ANYTIME).categories(Categories::CONNECTION)
}

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    row("auth", -2, auth).about("connection", "1.0.0", "Lets the connection in as a user."),
    row("hello", -1, hello).about("connection", "6.0.0", "Agrees on a version of the protocol."),
    row("reset", 1, reset).about("connection", "6.2.0", "Makes the connection as good as new."),
];

fn auth(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (user, password) = match arguments {
        [_, _] if engine.users.get(DEFAULT).is_some_and(|user| user.no_password) => {
            return Err(Error::fixed(
                "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
                 configuration is correct?",
            ));
        }
        [_, password] => (DEFAULT, *password),
        [_, user, password] => (*user, *password),
        _ => return Err(Error::SYNTAX),
    };
    engine.let_in(user, password, "AUTH")?;
    engine.reply.ok();
    Ok(())
}

fn hello(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let version = match arguments.get(1) {
        Some(version) => {
            Some(integer(version).map_err(|_| Error::fixed("ERR Protocol version is not an integer or out of range"))?)
        }
        None => None,
    };
    if version.is_some_and(|version| !(2..=3).contains(&version)) {
        return Err(Error::fixed("NOPROTO unsupported protocol version"));
    }
    take_options(engine, arguments.get(2..).unwrap_or_default())?;
    if !engine.client.authenticated {
        return Err(Error::fixed(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> \
             option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    if let Some(version) = version {
        engine.client.resp3 = version == 3;
        engine.reply.set_resp3(version == 3);
    }
    introduce(engine);
    Ok(())
}

fn take_options(engine: &mut Engine, options: &[&[u8]]) -> Outcome {
    let mut rest = options;
    loop {
        rest = match rest {
            [] => return Ok(()),
            [option, user, password, more @ ..] if is(option, "AUTH") => {
                engine.let_in(user, password, "HELLO")?;
                more
            }
            [option, name, more @ ..] if is(option, "SETNAME") => {
                engine.name_client(name)?;
                more
            }
            [option, ..] => {
                let option = String::from_utf8_lossy(option);
                return Err(Error::worded(format!("ERR Syntax error in HELLO option '{option}'")));
            }
        };
    }
}

fn introduce(engine: &mut Engine) {
    let Engine { reply, client, config, .. } = engine;
    reply.map(7);
    reply.text("server");
    reply.text("redis");
    reply.text("version");
    reply.text(REDIS_VERSION);
    reply.text("proto");
    reply.integer(if client.resp3 { 3 } else { 2 });
    reply.text("id");
    reply.integer(i64::try_from(client.id).unwrap_or(i64::MAX));
    reply.text("mode");
    reply.text(if config.cluster.enabled { "cluster" } else { "standalone" });
    reply.text("role");
    reply.text(if config.replication.primary.is_some() { "replica" } else { "master" });
    reply.text("modules");
    reply.array(0);
}

fn reset(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    if matches!(engine.client.role, Role::Replica | Role::Primary) {
        return Err(Error::fixed("ERR can only reset normal client connections"));
    }
    engine.client.transaction = None;
    engine.unwatch();
    engine.unsubscribe_all();
    let id = engine.client.id;
    engine.monitors.retain(|monitor| *monitor != id);
    let user = engine.users.get(DEFAULT);
    let authenticated = user.is_some_and(|user| user.enabled && user.no_password);
    let client = &mut engine.client;
    client.role = Role::Normal;
    client.database = 0;
    client.resp3 = false;
    client.name.clear();
    client.reply_mode = ReplyMode::On;
    (client.asking, client.readonly, client.no_evict) = (false, false, false);
    client.user = DEFAULT.to_vec();
    client.authenticated = authenticated;
    client.restricted = user.is_some_and(|user| !user.may_do_all());
    engine.keyspace.selected = 0;
    engine.reply.set_resp3(false);
    engine.reply.status("RESET");
    Ok(())
}

impl Engine {
    /// Lets the client at hand in as a user.
    ///
    /// # Errors
    /// There is no such user, or it has another password.
    fn let_in(&mut self, name: &[u8], password: &[u8], command: &str) -> Outcome {
        let user = self.users.get(name).filter(|user| user.accepts(password));
        let Some(user) = user else {
            self.note_refusal("auth", command.as_bytes(), name);
            return Err(WRONG_PASSWORD);
        };
        self.client.restricted = !user.may_do_all();
        self.client.authenticated = true;
        self.client.user = name.to_vec();
        Ok(())
    }

    /// Who a new connection is before it says so: the default user, if that one needs no password.
    pub fn greet(&self, client: &mut crate::engine::state::client::Client) {
        let user = self.users.get(DEFAULT);
        client.user = DEFAULT.to_vec();
        client.authenticated = user.is_some_and(|user| user.enabled && user.no_password);
        client.restricted = user.is_some_and(|user| !user.may_do_all());
    }

    /// Whether the user of the client at hand may ask a command, where it may not do everything. A refusal is noted.
    ///
    /// # Errors
    /// It may not.
    pub fn check_permission(&mut self, id: CommandId, arguments: &[&[u8]]) -> Outcome {
        let Some(Denied { reason, object, .. }) = self.permission(id, arguments) else { return Ok(()) };
        let name = self.client.user.clone();
        self.note_refusal(reason, &object, &name);
        Err(match reason {
            "command" => Error::worded(format!(
                "NOPERM this user has no permissions to run the '{}' command",
                self.table.row(id).full_name
            )),
            "key" => Error::fixed("NOPERM this user has no permissions to access one of the keys used as arguments"),
            _ => Error::fixed("NOPERM this user has no permissions to access one of the channels used as arguments"),
        })
    }

    /// The same for a command of a script, in the words for those.
    ///
    /// # Errors
    /// It may not.
    pub fn check_script_permission(&mut self, id: CommandId, arguments: &[&[u8]]) -> Outcome {
        let Some(Denied { reason, object, script_text }) = self.permission(id, arguments) else { return Ok(()) };
        let name = self.client.user.clone();
        self.note_refusal(reason, &object, &name);
        Err(Error::worded(format!("ERR The user executing the script {script_text}")))
    }

    /// Whether the user of the client at hand may ask a command.
    pub fn may_ask(&self, id: CommandId, arguments: &[&[u8]]) -> bool {
        self.permission(id, arguments).is_none()
    }

    /// What keeps the user of the client at hand from a command; nothing where it may.
    fn permission(&self, id: CommandId, arguments: &[&[u8]]) -> Option<Denied> {
        let row = self.table.row(id);
        let command = row.command;
        let user = self.users.get(&self.client.user)?;
        if command.flags.has(Flags::NO_AUTH) || user.may_do_all() {
            return None;
        }
        let denied = |reason, object: &[u8], script_text| Some(Denied { reason, object: object.to_vec(), script_text });
        if !user.all_commands {
            return denied("command", row.full_name.as_bytes(), "can't run this command or subcommand");
        }
        let place = command.key_places(arguments).unwrap_or_default().into_iter().next();
        if let Some(key) = place.and_then(|place| arguments.get(place)).filter(|_| !user.all_keys) {
            let text = "can't access at least one of the keys mentioned in the command arguments";
            return denied("key", key, text);
        }
        let channel = arguments.get(1).filter(|_| !user.all_channels && command.flags.has(Flags::PUBSUB))?;
        if command.name == "pubsub" || command.name.contains("unsubscribe") {
            return None;
        }
        denied("channel", channel, "can't publish to the channel mentioned in the command")
    }

    fn note_refusal(&mut self, reason: &'static str, object: &[u8], user: &[u8]) {
        let command = self.client.last_command.map_or("NULL", |id| &self.table.row(id).full_name);
        let refusal = Refusal {
            count: 1,
            reason,
            context: match (&self.script, &self.client.transaction) {
                (Some(_), _) => "lua",
                (None, Some(_)) => "multi",
                (None, None) => "toplevel",
            },
            object: object.to_vec(),
            user: user.to_vec(),
            at_ms: self.now(),
            client: line(&self.client, self.now(), command, 0),
        };
        self.observed.refuse(refusal, self.config.access.acllog_max_len);
    }
}

/// What keeps a user from a command.
struct Denied {
    /// `command`, `key` or `channel`.
    reason: &'static str,
    /// Which one.
    object: Vec<u8>,
    /// How the script that asked is told.
    script_text: &'static str,
}
