//! What the commands of several collections share: elements as replies, indexes as ranges, counts as arguments.

use std::ops::Range;

use super::error::Error;
use crate::engine::data::listpack::Element;
use crate::engine::data::numbers;
use crate::engine::resp::Reply;

/// Writes an element as a byte string.
#[inline]
pub fn bulk(reply: &mut Reply, value: Element<'_>) {
    match value {
        Element::Bytes(bytes) => reply.bulk(bytes),
        Element::Integer(value) => reply.bulk_integer(value),
    }
}

/// The elements from `start` to `end` with it among so many, where negative ones count from the end.
pub fn indexes(start: i64, end: i64, length: usize) -> Range<usize> {
    let total = i64::try_from(length).unwrap_or(i64::MAX);
    let from_end = |place: i64| if place < 0 { total.saturating_add(place) } else { place };
    let (start, end) = (from_end(start).max(0), from_end(end).min(total - 1));
    if start > end {
        return 0..0;
    }
    // Both are within the length by now.
    let place = |value: i64| usize::try_from(value).unwrap_or(0);
    place(start)..place(end) + 1
}

/// One element's index among so many, where a negative one counts from the end; none if it is outside.
pub fn index(index: i64, length: usize) -> Option<usize> {
    let total = i64::try_from(length).unwrap_or(i64::MAX);
    let index = if index < 0 { index.saturating_add(total) } else { index };
    usize::try_from(index).ok().filter(|index| *index < length)
}

/// An integer that is not negative, as a number of elements.
///
/// # Errors
/// It is no integer, or negative, both in the same words.
pub fn count(argument: &[u8]) -> Result<usize, Error> {
    count_or(argument, 0, "ERR value is out of range, must be positive")
}

/// How many elements are to be drawn at random: as many, or, of a negative number, as many with repeats.
///
/// # Errors
/// It is no integer, or can't be negated.
pub fn draws(argument: &[u8]) -> Result<i64, Error> {
    let count = super::arguments::integer(argument)?;
    if count == i64::MIN {
        let (least, most) = (-i64::MAX, i64::MAX);
        return Err(Error::worded(format!("ERR value is out of range, value must between {least} and {most}")));
    }
    Ok(count)
}

/// The same where each comes with its value or score: twice as many must be countable, too.
///
/// # Errors
/// It is no integer, or its double is too large.
pub fn draws_of_pairs(argument: &[u8]) -> Result<i64, Error> {
    let count = draws(argument)?;
    let countable = count.unsigned_abs() <= i64::MAX.unsigned_abs() / 2;
    if countable { Ok(count) } else { Err(Error::fixed("ERR value is out of range")) }
}

/// An integer of at least `least`, as a number of elements.
///
/// # Errors
/// It is no integer or less, both in the same words.
pub fn count_or(argument: &[u8], least: usize, words: &'static str) -> Result<usize, Error> {
    let value = numbers::parse_integer(argument).and_then(|value| usize::try_from(value).ok());
    value.filter(|value| *value >= least).ok_or(Error::fixed(words))
}

/// The keys of a command that says how many there are in the argument at `count`, before the first of them, and the
/// place after the last.
///
/// # Errors
/// The number is no positive integer; or nothing comes after the keys.
pub fn counted_keys<'a, 'b>(arguments: &'b [&'a [u8]], count: usize) -> Result<(&'b [&'a [u8]], usize), Error> {
    let keys = count_or(arguments[count], 1, "ERR numkeys should be greater than 0")?;
    let end = (count + 1).saturating_add(keys);
    if end >= arguments.len() {
        return Err(Error::SYNTAX);
    }
    Ok((&arguments[count + 1..end], end))
}

/// The same for a command that may end with its keys.
///
/// # Errors
/// The number is no positive integer, or greater than what follows.
pub fn counted_keys_to_the_end<'a, 'b>(
    arguments: &'b [&'a [u8]],
    count: usize,
) -> Result<(&'b [&'a [u8]], usize), Error> {
    let keys = count_or(arguments[count], 1, "ERR numkeys should be greater than 0")?;
    let end = (count + 1).saturating_add(keys);
    if end > arguments.len() {
        return Err(Error::fixed("ERR Number of keys can't be greater than number of args"));
    }
    Ok((&arguments[count + 1..end], end))
}

/// How many elements LMPOP and its kin take: the `COUNT` at the end, or 1.
///
/// # Errors
/// Another word, no positive count, or more behind it.
pub fn multi_pop_count(options: &[&[u8]]) -> Result<usize, Error> {
    let (count, rest) = match options {
        [] => return Ok(1),
        [word, count, rest @ ..] if super::arguments::is(word, "count") => (count, rest),
        _ => return Err(Error::SYNTAX),
    };
    let count = count_or(count, 1, "ERR count should be greater than 0")?;
    if rest.is_empty() { Ok(count) } else { Err(Error::SYNTAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_what_is_there() {
        assert_eq!(indexes(0, -1, 5), 0..5);
        assert_eq!(indexes(-3, -2, 5), 2..4);
        assert_eq!(indexes(3, i64::MAX, 5), 3..5);
        assert_eq!(indexes(i64::MIN, i64::MIN, 5), 0..0);
        assert_eq!(indexes(-100, -50, 5), 0..0);
        assert_eq!(indexes(5, 9, 5), 0..0);
        assert_eq!(indexes(0, 0, 0), 0..0);
    }

    #[test]
    fn an_index_counts_from_either_end() {
        assert_eq!(
            [0, 4, 5, -1, -5, -6, i64::MIN].map(|at| index(at, 5)),
            [Some(0), Some(4), None, Some(4), Some(0), None, None]
        );
    }

    #[test]
    fn what_is_drawn_can_be_counted() {
        let range = "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
        assert_eq!(draws(b"-9223372036854775808"), Err(Error::fixed(range)));
        assert_eq!(draws(b"-9223372036854775807"), Ok(-i64::MAX));
        assert_eq!(draws(b"x"), Err(Error::NOT_INTEGER));
        assert_eq!(draws_of_pairs(b"-4611686018427387903"), Ok(-(i64::MAX / 2)));
        assert_eq!(draws_of_pairs(b"4611686018427387904"), Err(Error::fixed("ERR value is out of range")));
    }

    #[test]
    fn keys_are_as_many_as_told_and_not_the_last() {
        let arguments: [&[u8]; 5] = [b"lmpop", b"2", b"a", b"b", b"left"];
        assert_eq!(counted_keys(&arguments, 1), Ok((&arguments[2..4], 4)));
        let number = |number| -> Result<_, Error> { counted_keys(&[b"lmpop", number, b"a"], 1).map(|(_, end)| end) };
        assert_eq!(number(b"1"), Err(Error::SYNTAX));
        assert_eq!(number(b"9223372036854775807"), Err(Error::SYNTAX));
        for wrong in [&b"0"[..], b"-1", b"a"] {
            assert_eq!(number(wrong), Err(Error::fixed("ERR numkeys should be greater than 0")));
        }
    }
}
