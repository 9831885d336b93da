//! COMMAND: the table of commands, for clients that want to know it.

use super::arguments::is;
use super::command::{Categories, Command, Flags, Keys};
use super::error::{Error, Outcome};
use super::help::help;
use super::table::{CommandId, Row, Table};
use crate::engine::data::glob;
use crate::engine::resp::Reply;
use crate::engine::state::Engine;

const ANYTIME: Flags = Flags::LOADING.and(Flags::STALE);

const fn row(
    name: &'static str,
    arity: i16,
    since: &'static str,
    execute: super::command::Execute,
    summary: &'static str,
) -> Command {
    Command::new(name, arity, execute).flags(ANYTIME).categories(Categories::CONNECTION).about("server", since, summary)
}

/// The commands of this file.
pub const COMMANDS: &[Command] = &[row("command", -1, "2.8.13", all, "Shows all commands.").with(&[
    row("count", 2, "2.8.13", count, "Counts the commands."),
    row("docs", -2, "7.0.0", docs, "Says what commands are for."),
    row("getkeys", -4, "2.8.13", get_keys, "Shows the keys among a command's arguments."),
    row("getkeysandflags", -4, "7.0.0", get_keys_and_flags, "Shows the keys, and what is done with them."),
    row("info", -2, "2.8.13", info, "Shows commands."),
    row("list", -2, "7.0.0", list, "Shows the names of commands."),
    row("help", 2, "5.0.0", show_help, "Shows what COMMAND can do."),
])];

fn count(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    let count = engine.table.commands().count();
    engine.reply.count(count);
    Ok(())
}

fn all(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    let Engine { reply, table, .. } = engine;
    let ids = in_order(table);
    reply.array(ids.len());
    ids.into_iter().for_each(|id| describe(reply, table, id));
    Ok(())
}

fn info(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    if arguments.len() == 2 {
        return all(engine, arguments);
    }
    let Engine { reply, table, .. } = engine;
    reply.array(arguments.len() - 2);
    for name in &arguments[2..] {
        match table.by_full_name(name) {
            Some(id) => describe(reply, table, id),
            None => reply.null(),
        }
    }
    Ok(())
}

fn in_order(table: &Table) -> Vec<CommandId> {
    let mut ids: Vec<CommandId> = table.commands().map(|(_, id)| id).collect();
    ids.sort_unstable();
    ids
}

fn describe(reply: &mut Reply, table: &Table, id: CommandId) {
    let Row { command, full_name, .. } = table.row(id);
    let (first, last, step) = plain_range(command);
    reply.array(10);
    reply.text(full_name);
    reply.integer(i64::from(command.arity));
    statuses(reply, &command.flags.names().filter(|name| !name.is_empty()).collect::<Vec<_>>());
    reply.integer(first);
    reply.integer(last);
    reply.integer(step);
    statuses(reply, &command.all_categories().names().collect::<Vec<_>>());
    // Hints for proxies: none are promised.
    reply.set(0);
    describe_keys(reply, command);
    let within: Vec<CommandId> = table.within(id).collect();
    reply.array(within.len());
    within.into_iter().for_each(|child| describe(reply, table, child));
}

fn statuses(reply: &mut Reply, names: &[&str]) {
    reply.set(names.len());
    names.iter().for_each(|name| reply.status(name));
}

/// The first key, the last and the step from one to the next, as clients of old know them; zeros where there are none,
/// or where they can't be said like this.
fn plain_range(command: &Command) -> (i64, i64, i64) {
    let number = |place: usize| i64::try_from(place).unwrap_or(0);
    match command.keys {
        Keys::Range { first, last, step } => (number(first), i64::try_from(last).unwrap_or(0), number(step)),
        Keys::Counted { also, .. } if also > 0 => (number(also), number(also), 1),
        Keys::Found(_) if matches!(command.name, "sort" | "sort_ro") => (1, 1, 1),
        Keys::Found(_) if command.name == "migrate" => (3, 3, 1),
        _ => (0, 0, 0),
    }
}

/// Where the keys are, as specifications that clients can follow.
fn describe_keys(reply: &mut Reply, command: &Command) {
    let number = |place: usize| i64::try_from(place).unwrap_or(0);
    let access = command.access;
    match command.keys {
        Keys::None => reply.set(0),
        Keys::Range { first, last, step } => {
            // The last key is counted from the first one, or from the end.
            let last = i64::try_from(last).unwrap_or(0);
            let last = if last < 0 { last } else { last - number(first) };
            reply.set(1);
            specification(
                reply,
                access,
                Some(number(first)),
                &[("lastkey", last), ("keystep", number(step)), ("limit", 0)],
            );
        }
        Keys::Counted { count, first, also } => {
            reply.set(1 + usize::from(also > 0));
            if also > 0 {
                let fields = [("lastkey", 0), ("keystep", 1), ("limit", 0)];
                specification(reply, "OW update", Some(number(also)), &fields);
            }
            let fields = [("keynumidx", 0), ("firstkey", number(first) - number(count)), ("keystep", 1)];
            specification(reply, access, Some(number(count)), &fields);
        }
        Keys::Found(_) => {
            reply.set(1);
            specification(reply, access, None, &[]);
        }
    }
}

/// One specification; without a place to begin, keys are at places that only the server finds.
fn specification(reply: &mut Reply, access: &str, index: Option<i64>, find: &[(&str, i64)]) {
    reply.map(3);
    reply.text("flags");
    statuses(reply, &access.split_whitespace().collect::<Vec<_>>());
    reply.text("begin_search");
    typed(reply, index.map(|index| ("index", vec![("index", index)])));
    reply.text("find_keys");
    let kind = if find.first().is_some_and(|(name, _)| *name == "keynumidx") { "keynum" } else { "range" };
    typed(reply, (!find.is_empty()).then(|| (kind, find.to_vec())));
}

fn typed(reply: &mut Reply, known: Option<(&str, Vec<(&str, i64)>)>) {
    let (kind, fields) = known.unwrap_or(("unknown", Vec::new()));
    reply.map(2);
    reply.text("type");
    reply.text(kind);
    reply.text("spec");
    reply.map(fields.len());
    for (name, value) in fields {
        reply.text(name);
        reply.integer(value);
    }
}

fn docs(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let Engine { reply, table, .. } = engine;
    let ids = match arguments.get(2..) {
        Some(names) if !names.is_empty() => names.iter().filter_map(|name| table.by_full_name(name)).collect(),
        _ => in_order(table),
    };
    reply.map(ids.len());
    for id in ids {
        reply.text(&table.row(id).full_name);
        document(reply, table, id);
    }
    Ok(())
}

fn document(reply: &mut Reply, table: &Table, id: CommandId) {
    let command = table.row(id).command;
    let within: Vec<CommandId> = table.within(id).collect();
    reply.map(3 + usize::from(!within.is_empty()));
    for (name, text) in [("summary", command.summary), ("since", command.since), ("group", command.group)] {
        reply.text(name);
        reply.text(text);
    }
    if !within.is_empty() {
        reply.text("subcommands");
        reply.map(within.len());
        for child in within {
            reply.text(&table.row(child).full_name);
            document(reply, table, child);
        }
    }
}

fn get_keys(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (_, places) = find_keys(&engine.table, &arguments[2..])?;
    engine.reply.array(places.len());
    for place in places {
        engine.reply.bulk(arguments[2 + place]);
    }
    Ok(())
}

fn get_keys_and_flags(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (command, places) = find_keys(&engine.table, &arguments[2..])?;
    let reply = &mut engine.reply;
    reply.array(places.len());
    for place in places {
        reply.array(2);
        reply.bulk(arguments[2 + place]);
        let is_destination = matches!(command.keys, Keys::Counted { also, .. } if also > 0 && also == place)
            || command.name == "sort" && place > 1;
        let access = if is_destination { "OW update" } else { command.access };
        statuses(reply, &access.split_whitespace().collect::<Vec<_>>());
    }
    Ok(())
}

fn find_keys(table: &Table, asked: &[&[u8]]) -> Result<(&'static Command, Vec<usize>), Error> {
    let super::table::Found::Command(id) = table.find(asked) else {
        return Err(Error::fixed("ERR Invalid command specified"));
    };
    let command = table.row(id).command;
    if matches!(command.keys, Keys::None) {
        return Err(Error::fixed("ERR The command has no key arguments"));
    }
    if !command.takes(asked.len()) {
        return Err(Error::fixed("ERR Invalid number of arguments specified for command"));
    }
    let places = command.key_places(asked).ok_or(Error::fixed("ERR Invalid arguments specified for command"))?;
    Ok((command, places))
}

fn list(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let Engine { reply, table, .. } = engine;
    let chosen: Box<dyn Fn(&Row) -> bool> = match arguments {
        [_, _] => Box::new(|_| true),
        [_, _, filter, kind, _] if is(filter, "FILTERBY") && is(kind, "MODULE") => Box::new(|_| false),
        [_, _, filter, kind, name] if is(filter, "FILTERBY") && is(kind, "ACLCAT") => {
            let known = Categories::NAMES.iter().find(|(_, known)| is(name, known.trim_start_matches('@')));
            let category = known.map_or(Categories(0), |(category, _)| *category);
            Box::new(move |row| row.command.all_categories().has(category))
        }
        [_, _, filter, kind, pattern] if is(filter, "FILTERBY") && is(kind, "PATTERN") => {
            Box::new(move |row| glob::matches_ignoring_case(pattern, row.full_name.as_bytes()))
        }
        _ => return Err(Error::SYNTAX),
    };
    let with_children = in_order(table).into_iter().flat_map(|id| std::iter::once(id).chain(table.within(id)));
    let rows = with_children.map(|id| table.row(id)).filter(|row| chosen(row));
    let names: Vec<&str> = rows.map(|row| row.full_name.as_str()).collect();
    reply.bulks(&names);
    Ok(())
}

fn show_help(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let lines = [
        ("(no subcommand)", "Shows all commands."),
        ("COUNT", "Counts the commands."),
        ("DOCS [<command-name> ...]", "Says what commands are for."),
        ("GETKEYS <full-command>", "Shows the keys among a command's arguments."),
        ("GETKEYSANDFLAGS <full-command>", "Shows the keys, and what is done with them."),
        ("INFO [<command-name> ...]", "Shows commands."),
        ("LIST [FILTERBY (MODULE <module> | ACLCAT <category> | PATTERN <pattern>)]", "Shows the names of commands."),
    ];
    help(engine, arguments, &lines)
}
