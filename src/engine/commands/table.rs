//! Finds a command by the name that a client sends.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::command::Command;

/// A command's number in the table: commands first in their order, then those within them.
pub type CommandId = usize;

/// A command in the table.
#[derive(Debug)]
pub struct Row {
    /// The command.
    pub command: &'static Command,
    /// Its name, with that of the one it is within: `config|get`.
    pub full_name: String,
    /// The one it is within.
    pub parent: Option<CommandId>,
    children: Vec<(&'static str, CommandId)>,
}

/// All commands by name.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Row>,
    by_name: HashMap<Vec<u8>, CommandId, FixedState>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A command.
    Command(CommandId),
    /// No command.
    Unknown,
    /// A command, but none within it has the name of the first argument.
    UnknownWithin(CommandId),
}

/// No command has a longer name.
const LONGEST_NAME: usize = 32;

impl Table {
    /// A table of these commands.
    pub fn new(families: &[&'static [Command]]) -> Self {
        let mut table = Table { rows: Vec::new(), by_name: HashMap::default() };
        for command in families.iter().copied().flatten() {
            let id = table.rows.len();
            table.by_name.insert(command.name.as_bytes().to_vec(), id);
            table.rows.push(Row { command, full_name: command.name.to_owned(), parent: None, children: Vec::new() });
        }
        for parent in 0..table.rows.len() {
            let container = table.rows[parent].command;
            for command in container.subcommands {
                let id = table.rows.len();
                table.rows[parent].children.push((command.name, id));
                let full_name = format!("{}|{}", container.name, command.name);
                table.rows.push(Row { command, full_name, parent: Some(parent), children: Vec::new() });
            }
        }
        table
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row of a command.
    #[inline]
    pub fn row(&self, id: CommandId) -> &Row {
        &self.rows[id]
    }

    /// All commands that are not within another one, with the names that they go by.
    pub fn commands(&self) -> impl Iterator<Item = (&[u8], CommandId)> {
        self.by_name.iter().map(|(name, id)| (name.as_slice(), *id))
    }

    /// The commands within a command.
    pub fn within(&self, id: CommandId) -> impl Iterator<Item = CommandId> + '_ {
        self.rows[id].children.iter().map(|(_, child)| *child)
    }

    /// Gives a command another name; an empty one takes it away. Tells whether there was such a command, and no other
    /// of the new name.
    pub fn rename(&mut self, from: &[u8], to: &[u8]) -> bool {
        let (from, to) = (from.to_ascii_lowercase(), to.to_ascii_lowercase());
        if !self.by_name.contains_key(&from) || (!to.is_empty() && self.by_name.contains_key(&to)) {
            return false;
        }
        if let Some(id) = self.by_name.remove(&from)
            && !to.is_empty()
        {
            self.by_name.insert(to, id);
        }
        true
    }

    /// The command that these arguments ask for.
    #[inline]
    pub fn find(&self, arguments: &[&[u8]]) -> Found {
        let Some(id) = arguments.first().and_then(|name| self.by_name(name)) else { return Found::Unknown };
        let row = &self.rows[id];
        if row.children.is_empty() || arguments.len() == 1 {
            return Found::Command(id);
        }
        let child = row.children.iter().find(|(name, _)| arguments[1].eq_ignore_ascii_case(name.as_bytes()));
        child.map_or(Found::UnknownWithin(id), |(_, child)| Found::Command(*child))
    }

    /// A command by its name alone, in any case.
    #[inline]
    pub fn by_name(&self, name: &[u8]) -> Option<CommandId> {
        let mut lower = [0; LONGEST_NAME];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        self.by_name.get(&*lower).copied()
    }

    /// A command by its full name, `config|get` or `config`.
    pub fn by_full_name(&self, name: &[u8]) -> Option<CommandId> {
        let mut parts = name.splitn(2, |byte| *byte == b'|');
        let parent = self.by_name(parts.next()?)?;
        let Some(child) = parts.next() else { return Some(parent) };
        let children = &self.rows[parent].children;
        children.iter().find(|(name, _)| child.eq_ignore_ascii_case(name.as_bytes())).map(|(_, id)| *id)
    }
}
