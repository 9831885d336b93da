//! ACL: users, and what belongs to which category.

use super::arguments::{integer, is};
use super::command::{Categories, Command, Flags};
use super::error::{Error, Outcome};
use super::help::{container, help};
use crate::engine::state::Engine;
use crate::engine::state::observed::hexadecimal;
use crate::engine::state::users::DEFAULT;

const ANYBODY: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE);
const OPERATOR: Flags = ANYBODY.and(Flags::ADMIN);

const fn row(
    name: &'static str,
    arity: i16,
    flags: Flags,
    execute: super::command::Execute,
    summary: &'static str,
) -> Command {
    Command::new(name, arity, execute).flags(flags).about("server", "6.0.0", summary)
}

/// The commands of this file.
pub const COMMANDS: &[Command] =
    &[Command::new("acl", -2, container).about("server", "6.0.0", "Who may do what.").with(&[
        row("cat", -2, ANYBODY, categories, "Shows categories, or the commands of one."),
        row("deluser", -3, OPERATOR, delete_user, "Removes users."),
        row("dryrun", -4, OPERATOR, dry_run, "Tells whether a user may ask a command.").about(
            "server",
            "7.0.0",
            "Tells whether a user may ask a command.",
        ),
        row("genpass", -2, ANYBODY, generate_password, "Makes up a password."),
        row("getuser", 3, OPERATOR, get_user, "Shows a user."),
        row("list", 2, OPERATOR, list, "Shows all users as lines of redis.conf."),
        row("load", 2, OPERATOR, no_file, "Reads users from a file."),
        row("log", -2, OPERATOR, log, "Shows who was turned away."),
        row("save", 2, OPERATOR, no_file, "Writes users to a file."),
        row("setuser", -3, OPERATOR, set_user, "Makes or changes a user."),
        row("users", 2, OPERATOR, names, "Shows the names of all users."),
        row("whoami", 2, ANYBODY, who_am_i, "Shows the connection's user."),
        row("help", 2, Flags::LOADING.and(Flags::STALE), show_help, "Shows what ACL can do."),
    ])];

fn who_am_i(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    let Engine { reply, client, .. } = engine;
    reply.bulk(&client.user);
    Ok(())
}

fn names(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    let Engine { reply, users, .. } = engine;
    reply.array(users.iter().len());
    users.iter().for_each(|(name, _)| reply.bulk(name));
    Ok(())
}

fn list(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    let lines = engine.users.lines();
    engine.reply.array(lines.len());
    for line in lines {
        engine.reply.bulk(&[b"user ", line.as_slice()].concat());
    }
    Ok(())
}

fn get_user(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let Engine { reply, users, .. } = engine;
    let Some(user) = users.get(arguments[2]) else {
        reply.null();
        return Ok(());
    };
    reply.map(6);
    reply.text("flags");
    let flags = user.flags();
    reply.set(flags.len());
    flags.into_iter().for_each(|flag| reply.text(flag));
    reply.text("passwords");
    reply.bulks(&user.passwords);
    reply.text("commands");
    reply.text(if user.all_commands { "+@all" } else { "-@all" });
    reply.text("keys");
    reply.text(if user.all_keys { "~*" } else { "" });
    reply.text("channels");
    reply.text(if user.all_channels { "&*" } else { "" });
    reply.text("selectors");
    reply.array(0);
    Ok(())
}

fn set_user(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let name = arguments[2];
    if name.iter().any(|byte| byte.is_ascii_whitespace() || *byte == 0) {
        return Err(Error::fixed("ERR Usernames can't contain spaces or null characters"));
    }
    let set = engine.users.set(name, &arguments[3..]);
    set.map_err(|error| Error::worded(format!("ERR {error}")))?;
    engine.review_restrictions();
    engine.reply.ok();
    Ok(())
}

fn delete_user(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let names = &arguments[2..];
    if names.contains(&DEFAULT) {
        return Err(Error::fixed("ERR The 'default' user cannot be removed"));
    }
    let mut removed = 0;
    for name in names.iter().filter(|name| engine.users.get(name).is_some()).copied().collect::<Vec<_>>() {
        removed += usize::from(engine.users.remove(name));
        engine.kill_others(|client| client.user == name);
        engine.client.closing |= engine.client.user == name;
    }
    engine.reply.count(removed);
    Ok(())
}

fn dry_run(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let [_, _, user, asked @ ..] = arguments else { return Err(Error::SYNTAX) };
    if engine.users.get(user).is_none() {
        let name = String::from_utf8_lossy(user);
        return Err(Error::worded(format!("ERR User '{name}' not found")));
    }
    let id = engine.find_command(asked).map_err(|error| match asked.first() {
        Some(name) if error.0.starts_with("ERR unknown") => {
            Error::worded(format!("ERR Command '{}' not found", String::from_utf8_lossy(name)))
        }
        _ => error,
    })?;
    let row = engine.table.row(id);
    let (command, full_name) = (row.command, row.full_name.clone());
    let me = std::mem::replace(&mut engine.client.user, user.to_vec());
    let refusals = engine.observed.refusals.clone();
    let allowed = engine.check_permission(id, asked);
    engine.client.user = me;
    engine.observed.refusals = refusals;
    match allowed {
        Ok(()) => engine.reply.ok(),
        Err(_) if !engine.users.get(user).is_some_and(|user| user.all_commands) => {
            engine.reply.text(&format!("This user has no permissions to run the '{full_name}' command"));
        }
        Err(_) => {
            let place = command.key_places(asked).unwrap_or_default().into_iter().next();
            let (what, name) = match place.and_then(|place| asked.get(place)) {
                Some(key) => ("key", *key),
                None => ("channel", asked.get(1).copied().unwrap_or_default()),
            };
            let name = String::from_utf8_lossy(name);
            engine.reply.text(&format!("This user has no permissions to access the '{name}' {what}"));
        }
    }
    Ok(())
}

fn categories(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let Engine { reply, table, .. } = engine;
    let wanted = match arguments {
        [_, _] => {
            let names: Vec<&str> = Categories::NAMES.iter().map(|(_, name)| name.trim_start_matches('@')).collect();
            reply.bulks(&names);
            return Ok(());
        }
        [_, _, name] => {
            let known = Categories::NAMES.iter().find(|(_, known)| is(name, known.trim_start_matches('@')));
            let unknown = || Error::worded(format!("ERR Unknown category '{}'", String::from_utf8_lossy(name)));
            known.map(|(category, _)| *category).ok_or_else(unknown)?
        }
        _ => return Err(Error::SYNTAX),
    };
    let rows = (0..table.len()).map(|id| table.row(id));
    let of_category = rows.filter(|row| row.command.subcommands.is_empty() && row.command.all_categories().has(wanted));
    let names: Vec<&str> = of_category.map(|row| row.full_name.as_str()).collect();
    reply.bulks(&names);
    Ok(())
}

fn generate_password(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    const MOST_BITS: i64 = 4096;
    let bits = match arguments {
        [_, _] => 256,
        [_, _, bits] => integer(bits)?,
        _ => return Err(Error::SYNTAX),
    };
    if !(1..=MOST_BITS).contains(&bits) {
        return Err(Error::worded(format!(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to \
             {MOST_BITS}"
        )));
    }
    let digits = usize::try_from((bits + 3) / 4).unwrap_or(0);
    let password = hexadecimal(&mut engine.random, digits);
    engine.reply.text(&password);
    Ok(())
}

fn log(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let count = match arguments {
        [_, _] => 10,
        [_, _, reset] if is(reset, "RESET") => {
            engine.observed.refusals.clear();
            engine.reply.ok();
            return Ok(());
        }
        [_, _, count] => usize::try_from(integer(count)?).unwrap_or(0),
        _ => return Err(Error::SYNTAX),
    };
    let now = engine.now();
    let Engine { reply, observed, .. } = engine;
    reply.array(count.min(observed.refusals.len()));
    for refusal in observed.refusals.iter().take(count) {
        reply.map(7);
        reply.text("count");
        reply.integer(i64::try_from(refusal.count).unwrap_or(i64::MAX));
        reply.text("reason");
        reply.text(refusal.reason);
        reply.text("context");
        reply.text(refusal.context);
        reply.text("object");
        reply.bulk(&refusal.object);
        reply.text("username");
        reply.bulk(&refusal.user);
        reply.text("age-seconds");
        #[expect(clippy::cast_precision_loss, reason = "an age is not exact")]
        reply.double((now - refusal.at_ms) as f64 / 1000.0);
        reply.text("client-info");
        reply.text(&refusal.client);
    }
    Ok(())
}

fn no_file(_: &mut Engine, _: &[&[u8]]) -> Outcome {
    Err(Error::fixed(
        "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER \
         command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store \
         users in the Redis configuration.",
    ))
}

fn show_help(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let lines = [
        ("CAT [<category>]", "Shows categories, or the commands of one."),
        ("DELUSER <username> [<username> ...]", "Removes users."),
        ("DRYRUN <username> <command> [<arg> ...]", "Tells whether a user may ask a command."),
        ("GENPASS [<bits>]", "Makes up a password."),
        ("GETUSER <username>", "Shows a user."),
        ("LIST", "Shows all users as lines of redis.conf."),
        ("LOG [<count> | RESET]", "Shows who was turned away, or forgets it."),
        ("SETUSER <username> [<rule> ...]", "Makes or changes a user: passwords, and all or nothing."),
        ("USERS", "Shows the names of all users."),
        ("WHOAMI", "Shows the connection's user."),
    ];
    help(engine, arguments, &lines)
}

impl Engine {
    /// Users have changed: finds out again who may not do everything.
    fn review_restrictions(&mut self) {
        let Engine { clients, client, users, .. } = self;
        for client in clients.iter_mut().chain(std::iter::once(&mut **client)) {
            client.restricted = users.get(&client.user).is_some_and(|user| !user.may_do_all());
        }
    }
}
