//! SCAN: keys bit by bit.

use super::command::{Categories, Command, Flags};
use super::error::Outcome;
use super::scanning::{Scan, cursor};
use crate::engine::data::bytes::SmallBytes;
use crate::engine::data::dict::Keyed;
use crate::engine::keyspace::entry::Entry;
use crate::engine::state::Engine;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::new("scan", -2, scan)
    .flags(Flags::READONLY)
    .categories(Categories::KEYSPACE)
    .about("generic", "2.8.0", "Lists some of the keys, and where to go on.")];

fn scan(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let cursor = cursor(arguments[1])?;
    let scan = Scan::parse(&arguments[2..], true)?;
    let of_type =
        |entry: &Entry| scan.type_name.is_none_or(|name| name.eq_ignore_ascii_case(entry.value.type_name().as_bytes()));
    engine.propagation.may_meet_expired();
    let mut found: Vec<(SmallBytes, bool)> = Vec::new();
    let next = engine.keyspace.database().entries().scan_many(cursor, scan.count, |entry| {
        if scan.matches(entry.key()) && of_type(entry) {
            found.push((entry.name().clone(), entry.has_expiry()));
        }
    });
    found.retain(|(key, expires)| !expires || engine.keyspace.exists(key.as_slice()));
    engine.reply.array(2);
    engine.reply.text(itoa::Buffer::new().format(next));
    engine.reply.array(found.len());
    for (key, _) in &found {
        engine.reply.bulk(key.as_slice());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::engine::commands::testing::Desk;

    #[test]
    fn all_keys_are_met_whose_time_is_not_over() {
        let mut desk = Desk::new();
        for number in 0..300 {
            desk.ask(&format!("set key:{number} 1"));
        }
        desk.expect("set gone 1 px 5", "+OK");
        desk.expect("rpush list 1", ":1");
        desk.wait(6);
        let mut seen = std::collections::BTreeSet::new();
        let mut cursor = "0".to_owned();
        loop {
            let reply = desk.ask(&format!("scan {cursor} count 7 match *"));
            let mut words = reply.split(' ').map(str::to_owned);
            cursor = words.nth(2).unwrap();
            seen.extend(words.filter(|word| !word.starts_with(['*', '$'])));
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen.len(), 301);
        assert!(!desk.has("gone"));
        desk.expect("scan 0 count 1000 type LIST", "*2 $1 0 *1 $4 list");
        let matched = desk.ask("scan 0 count 1000 match key:7?");
        let mut keys: Vec<&str> = matched.split(' ').filter(|word| word.starts_with("key")).collect();
        keys.sort_unstable();
        assert_eq!(keys, (70..80).map(|number| format!("key:{number}")).collect::<Vec<_>>());
        desk.expect("scan x", "-ERR invalid cursor");
        desk.expect("scan 0 nonsense 1", "-ERR syntax error");
    }
}
