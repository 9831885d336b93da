//! From values to text or JSON. Pure: nothing here prints, reads or asks.

pub mod drill;
pub mod drill_page;
pub mod events;
pub mod json;
pub mod nodes;
pub mod outcome;
pub mod plan;
pub mod stacks;
pub mod status;
pub mod verify;

use std::time::Duration;

use console::{measure_text_width, truncate_str};
use shardform::diff::Action;

use crate::terminal::Paint;

/// The action's sign, three columns wide, in its color.
pub fn symbol(action: Action, paint: Paint) -> String {
    match action {
        Action::Create => paint.green("  +"),
        Action::Update => paint.yellow("  ~"),
        Action::Replace => paint.red("-/+"),
        Action::Delete => paint.red("  -"),
        Action::Wait => paint.dim("  …"),
    }
}

/// A time as people say it.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{:.1}s", time.as_secs_f64()),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// `1 shard`, `3 shards`.
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Text without control characters: what a cloud tells can't steer the terminal.
pub fn printable(text: &str) -> String {
    let escaped = |c: char| {
        if c.is_control() { c.escape_default().to_string() } else { c.to_string() }
    };
    text.chars().map(escaped).collect()
}

/// Text that is no wider than `width` columns.
pub fn cut(text: &str, width: usize) -> String {
    truncate_str(text, width.max(8), "…").into_owned()
}

/// Text with blanks up to `width` columns.
pub fn padded(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(measure_text_width(text));
    format!("{text}{}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        assert_eq!(duration(Duration::from_millis(310)), "0.3s");
        assert_eq!(duration(Duration::from_secs(754)), "12m 34s");
        assert_eq!(duration(Duration::from_secs(3725)), "1h 02m");
    }

    #[test]
    fn foreign_text_cant_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\nc"), r"a\u{1b}[31mb\nc");
        assert_eq!(printable("größe"), "größe");
    }

    #[test]
    fn text_is_cut_by_columns() {
        assert_eq!(cut("0123456789", 8), "0123456…");
        assert_eq!(cut("01234567", 8), "01234567");
        assert_eq!(padded("ab", 4), "ab  ");
        assert_eq!(padded("abcdef", 4), "abcdef");
    }
}
