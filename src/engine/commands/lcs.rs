//! LCS: the longest common subsequence of two strings.

use super::arguments::{integer, is};
use super::error::{Error, Outcome};
use crate::engine::keyspace::value::Value;
use crate::engine::state::Engine;

/// The most memory that the table of lengths may take, bytes.
const MOST_MEMORY: usize = 512 * 1024 * 1024;

/// Two matching parts, as inclusive ranges, the last part first.
struct Match {
    first: (usize, usize),
    second: (usize, usize),
}

pub(super) fn lcs(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (first, second) = (string(engine, arguments[1])?, string(engine, arguments[2])?);
    let options = Options::read(&arguments[3..])?;
    if options.length && options.index {
        return Err(Error::fixed("ERR If you want both the length and indexes, please just use IDX."));
    }
    let table = Lengths::of(&first, &second)?;
    let total = table.at(first.len(), second.len());
    if options.length {
        engine.reply.integer(i64::from(total));
        return Ok(());
    }
    let (text, matches) = table.walk(&first, &second);
    if !options.index {
        engine.reply.bulk(&text);
        return Ok(());
    }
    let long_enough = |found: &&Match| found.first.1 - found.first.0 + 1 >= options.least;
    let matches: Vec<&Match> = matches.iter().filter(long_enough).collect();
    let reply = &mut engine.reply;
    reply.map(2);
    reply.text("matches");
    reply.array(matches.len());
    for found in matches {
        reply.array(if options.with_length { 3 } else { 2 });
        for (start, end) in [found.first, found.second] {
            reply.array(2);
            reply.count(start);
            reply.count(end);
        }
        if options.with_length {
            reply.count(found.first.1 - found.first.0 + 1);
        }
    }
    reply.text("len");
    reply.integer(i64::from(total));
    Ok(())
}

#[derive(Default)]
struct Options {
    index: bool,
    length: bool,
    with_length: bool,
    least: usize,
}

impl Options {
    fn read(arguments: &[&[u8]]) -> Result<Options, Error> {
        let mut options = Options::default();
        let mut rest = arguments.iter();
        while let Some(word) = rest.next() {
            if is(word, "idx") {
                options.index = true;
            } else if is(word, "len") {
                options.length = true;
            } else if is(word, "withmatchlen") {
                options.with_length = true;
            } else if is(word, "minmatchlen") {
                let value = integer(rest.next().ok_or(Error::SYNTAX)?)?;
                options.least = usize::try_from(value).unwrap_or(0);
            } else {
                return Err(Error::SYNTAX);
            }
        }
        Ok(options)
    }
}

fn string(engine: &mut Engine, key: &[u8]) -> Result<Vec<u8>, Error> {
    let not_string = Error::fixed("ERR The specified keys must contain string values");
    match engine.keyspace.read(key).map(Value::as_bytes) {
        None => Ok(Vec::new()),
        Some(bytes) => bytes.map(|bytes| bytes.into_owned()).ok_or(not_string),
    }
}

/// The length of the longest common subsequence of each two beginnings.
struct Lengths {
    columns: usize,
    lengths: Vec<u32>,
}

impl Lengths {
    fn of(first: &[u8], second: &[u8]) -> Result<Lengths, Error> {
        let columns = second.len() + 1;
        let cells = (first.len() + 1).checked_mul(columns).filter(|cells| *cells <= MOST_MEMORY / size_of::<u32>());
        let cells = cells
            .ok_or(Error::fixed("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"))?;
        let mut lengths = vec![0; cells];
        for (i, a) in first.iter().enumerate() {
            for (j, b) in second.iter().enumerate() {
                let above = lengths[i * columns + j + 1];
                let before = lengths[(i + 1) * columns + j];
                lengths[(i + 1) * columns + j + 1] =
                    if a == b { lengths[i * columns + j] + 1 } else { above.max(before) };
            }
        }
        Ok(Lengths { columns, lengths })
    }

    fn at(&self, i: usize, j: usize) -> u32 {
        self.lengths[i * self.columns + j]
    }

    /// The subsequence, and the parts that match, from the end to the start.
    fn walk(&self, first: &[u8], second: &[u8]) -> (Vec<u8>, Vec<Match>) {
        let (mut i, mut j) = (first.len(), second.len());
        let (mut text, mut matches, mut open) = (Vec::new(), Vec::new(), None::<Match>);
        while i > 0 && j > 0 {
            if first[i - 1] == second[j - 1] {
                text.push(first[i - 1]);
                match &mut open {
                    Some(found) if found.first.0 == i && found.second.0 == j => {
                        (found.first.0, found.second.0) = (i - 1, j - 1);
                    }
                    _ => {
                        matches.extend(open.take());
                        open = Some(Match { first: (i - 1, i - 1), second: (j - 1, j - 1) });
                    }
                }
                (i, j) = (i - 1, j - 1);
            } else if self.at(i - 1, j) > self.at(i, j - 1) {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        matches.extend(open);
        text.reverse();
        (text, matches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_common_subsequence_is_found() {
        let (first, second) = (b"ohmytext", b"mynewtext");
        let table = Lengths::of(first, second).unwrap();
        let (text, matches) = table.walk(first, second);
        assert_eq!(text, b"mytext");
        let ranges: Vec<_> = matches.iter().map(|found| (found.first, found.second)).collect();
        assert_eq!(ranges, [((4, 7), (5, 8)), ((2, 3), (0, 1))]);
    }
}
