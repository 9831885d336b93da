//! How a problem looks: as a compiler would print it, for a terminal and for a CI log alike.
//!
//! Knows columns and widths; must not know what problems there are. Prints no colours and no control characters.

use std::fmt;

use super::Problem;

/// How much of a line is shown, in characters.
const SHOWN: usize = 100;

/// Where a hint is wrapped.
const WRAP: usize = 110;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.at.line, self.at.column, self.message)?;
        if !self.source_line.trim().is_empty() {
            let cut = cut(&self.source_line, self.at.column - 1);
            write!(f, "\n  | {}", cut.text)?;
            write!(f, "\n  | {}{}", cut.indent, "^".repeat(cut.marks))?;
        }
        if let Some(hint) = &self.hint {
            for (number, line) in wrapped(hint).iter().enumerate() {
                write!(f, "\n  {} {line}", if number == 0 { '=' } else { ' ' })?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// The part of a line that is shown.
struct Cut {
    text: String,
    /// What stands below the line up to the mark: as wide as the line there, tabs included.
    indent: String,
    /// How wide the mark is.
    marks: usize,
}

fn cut(line: &str, column: usize) -> Cut {
    let chars: Vec<char> = line.trim_end().chars().map(printable).collect();
    let column = column.min(chars.len());
    let (start, end) = if chars.len() <= SHOWN {
        (0, chars.len())
    } else {
        let start = column.saturating_sub(SHOWN / 3).min(chars.len() - SHOWN);
        (start, start + SHOWN)
    };
    let part = |from: usize, to: usize| chars.get(from..to).unwrap_or_default();
    let mut text: String = part(start, end).iter().collect();
    let mut indent: String = part(start, column)
        .iter()
        .map(|c| match (c, width(*c)) {
            ('\t', _) => "\t",
            (_, 2) => "  ",
            (_, 0) => "",
            _ => " ",
        })
        .collect();
    if start > 0 {
        text.insert(0, '…');
        indent.insert(0, ' ');
    }
    if end < chars.len() {
        text.push('…');
    }
    let token = part(column, end);
    let marks = token.get(..token_length(token)).unwrap_or_default();
    Cut { text, indent, marks: marks.iter().map(|c| width(*c)).sum::<usize>().max(1) }
}

/// How many characters belong to the key or value that begins here.
fn token_length(token: &[char]) -> usize {
    let find = |pattern: &dyn Fn(char, Option<char>) -> bool| {
        (1..token.len()).find(|at| match token.get(*at) {
            Some(c) => pattern(*c, token.get(at + 1).copied()),
            None => false,
        })
    };
    match (token.first(), token.get(1)) {
        (Some(quote @ ('"' | '\'')), _) => find(&|c, _| c == *quote).map_or(token.len(), |at| at + 1),
        (Some('$'), Some('{')) => find(&|c, _| c == '}').map_or(token.len(), |at| at + 1),
        (Some('[' | '{' | '-' | '|' | '>' | '…'), _) => 1,
        _ => {
            let end = find(&|c, next| match c {
                ':' => next.is_none_or(char::is_whitespace),
                ' ' | '\t' => next == Some('#'),
                ',' | ']' | '}' => true,
                _ => false,
            });
            let token = token.get(..end.unwrap_or(token.len())).unwrap_or_default();
            token.len() - token.iter().rev().take_while(|c| c.is_whitespace()).count()
        }
    }
}

/// A control character could do anything to a terminal.
fn printable(c: char) -> char {
    if c.is_control() && c != '\t' { '\u{fffd}' } else { c }
}

/// How many columns a character takes: East Asian wide ones and emoji two, combining ones none.
fn width(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36f | 0x200b..=0x200f | 0xfe00..=0xfe0f | 0x20d0..=0x20f0 => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < WRAP => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::{Located, Problem};

    fn shown(line: &str, column: usize) -> String {
        let problem = Problem {
            file: "f".into(),
            at: Located { line: 7, column },
            source_line: line.into(),
            message: "wrong".into(),
            hint: None,
        };
        problem.to_string()
    }

    #[test]
    fn a_mark_is_as_wide_as_what_it_marks() {
        for (line, column, marks) in [
            ("  shard: 3", 3, "  ^^^^^"),
            ("  shard: 3", 10, "         ^"),
            ("  a: some text # why", 6, "     ^^^^^^^^^"),
            ("  a: \"b c\" # why", 6, "     ^^^^^"),
            ("  a: ${B:-c}-d", 6, "     ^^^^^^^"),
            ("a: {b: c, d: e}", 8, "       ^"),
            ("a: [1, 2]", 4, "   ^"),
            ("\ta: b", 2, "\t^"),
            ("日本: x", 5, "      ^"),
            ("日本: x", 1, "^^^^"),
            ("a: 05:00-06:00", 4, "   ^^^^^^^^^^^"),
            ("a:", 3, "  ^"),
        ] {
            assert_eq!(shown(line, column), format!("f:7:{column}: wrong\n  | {line}\n  | {marks}"));
        }
    }

    #[test]
    fn long_lines_are_cut_around_the_column() {
        let line = format!("{}here{}", "a ".repeat(200), " b".repeat(200));
        let text = shown(&line, 401);
        let lines: Vec<&str> = text.lines().collect();
        let column = lines[1].chars().position(|c| c == 'h').unwrap();
        assert_eq!(lines[2].chars().position(|c| c == '^'), Some(column));
        assert!(lines[1].chars().count() <= 106, "{text}");
        assert!(lines[1].starts_with("  | …") && lines[1].ends_with('…'), "{text}");
    }

    #[test]
    fn control_characters_and_wrong_columns_do_no_harm() {
        assert!(!shown("a: \u{1b}[31m", 4).contains('\u{1b}'));
        assert_eq!(shown("a", 99), "f:7:99: wrong\n  | a\n  |  ^");
        assert_eq!(shown("", 1), "f:7:1: wrong");
    }
}
