//! Commands that took long, the latest first.

use std::collections::VecDeque;

use crate::engine::commands::redaction::redacted;

/// How many arguments of a command are kept.
const MOST_ARGUMENTS: usize = 32;
/// How much of an argument is kept, bytes.
const LONGEST_ARGUMENT: usize = 128;

/// A command that took long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowCommand {
    /// Its number; a later one has a greater one.
    pub id: i64,
    /// When it ran, seconds since the epoch.
    pub at_seconds: i64,
    /// How long it took, microseconds.
    pub micros: u64,
    /// Its arguments, as far as they are kept.
    pub arguments: Vec<Vec<u8>>,
    /// The address of the client.
    pub address: String,
    /// The name of the client.
    pub client_name: Vec<u8>,
}

/// The log.
#[derive(Clone, Debug, Default)]
pub struct SlowLog {
    entries: VecDeque<SlowCommand>,
    next_id: i64,
}

impl SlowLog {
    /// The latest first.
    pub fn entries(&self) -> impl Iterator<Item = &SlowCommand> {
        self.entries.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Adds one, with a number of its own; the oldest go, so that there are at most `most`.
    pub fn add(&mut self, mut entry: SlowCommand, most: u64) {
        entry.id = self.next_id;
        self.next_id += 1;
        self.entries.push_front(entry);
        self.entries.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    }
}

/// Arguments as they are kept: without secrets, not too many and not too long.
pub fn shortened(command: &str, arguments: &[&[u8]]) -> Vec<Vec<u8>> {
    let kept = if arguments.len() > MOST_ARGUMENTS { MOST_ARGUMENTS - 1 } else { arguments.len() };
    let secret = redacted(command, arguments);
    let mut shortened: Vec<Vec<u8>> = arguments[..kept].iter().map(|argument| shorten(argument)).collect();
    for (_, argument) in shortened.iter_mut().enumerate().filter(|(place, _)| secret.contains(place)) {
        *argument = b"(redacted)".to_vec();
    }
    if kept < arguments.len() {
        shortened.push(format!("... ({} more arguments)", arguments.len() - kept).into_bytes());
    }
    shortened
}

fn shorten(argument: &[u8]) -> Vec<u8> {
    if argument.len() <= LONGEST_ARGUMENT {
        return argument.to_vec();
    }
    let mut short = argument[..LONGEST_ARGUMENT].to_vec();
    short.extend_from_slice(format!("... ({} more bytes)", argument.len() - LONGEST_ARGUMENT).as_bytes());
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_commands_are_shortened() {
        let long = [b'x'; 200];
        let many: Vec<&[u8]> = std::iter::repeat_n(&long[..], 40).collect();
        let kept = shortened("sadd", &many);
        assert_eq!(kept.len(), 32);
        assert_eq!(kept[31], b"... (9 more arguments)");
        assert!(kept[0].ends_with(b"x... (72 more bytes)"));
        assert_eq!(shortened("sadd", &many[..32]).len(), 32);
    }

    #[test]
    fn secrets_are_not_kept() {
        assert_eq!(shortened("auth", &[b"auth", b"secret"]), [b"auth".to_vec(), b"(redacted)".to_vec()]);
    }

    #[test]
    fn the_oldest_go_first() {
        let mut log = SlowLog::default();
        let entry = SlowCommand {
            id: 0,
            at_seconds: 0,
            micros: 1,
            arguments: Vec::new(),
            address: String::new(),
            client_name: Vec::new(),
        };
        for _ in 0..5 {
            log.add(entry.clone(), 3);
        }
        assert_eq!(log.entries().map(|entry| entry.id).collect::<Vec<_>>(), [4, 3, 2]);
    }
}
