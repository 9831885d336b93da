//! Whether the file is a YAML mapping at all: one clear problem where it is not.
//!
//! Knows the parser's messages and what they mean to somebody who writes plan files. Knows no fields.

use super::Located;
use super::locate;
use super::problems::lines;
use super::tree::{Kind, Node};

/// What keeps a text from being a mapping.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: Located,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Fault {
    fn new(line: usize, column: usize, message: &str, hint: &str) -> Fault {
        Fault { at: Located { line, column }, message: message.to_owned(), hint: Some(hint.to_owned()) }
    }
}

const WHAT_A_PLAN_FILE_IS: &str = "a plan file is a mapping with at least `name: …` and `cluster: …`";

const QUOTED: &str = "inside `[ ]` and `{ }`, put quotes around it: `\"${NAME}\"`";

/// Reads the text's tree; the root is a mapping.
pub(super) fn parse(text: &str) -> Result<Node, Fault> {
    refuse_control_characters(text)?;
    let root = Node::from_yaml(text).map_err(|error| of_parser(text, &error))?;
    let found = match root.kind {
        Kind::Map(_) => return Ok(root),
        Kind::Null => return Err(Fault::new(1, 1, "the plan file is empty", WHAT_A_PLAN_FILE_IS)),
        Kind::List(_) => "a list",
        Kind::Scalar { .. } | Kind::Broken => "a single value",
        Kind::Tagged(_) => "a value with a YAML tag",
    };
    let at = locate::locate(text, &[], locate::Side::Value);
    Err(Fault::new(at.line, at.column, &format!("the plan file is {found}"), WHAT_A_PLAN_FILE_IS))
}

/// The parser tells of these without a position.
fn refuse_control_characters(text: &str) -> Result<(), Fault> {
    for (number, line) in lines(text).iter().enumerate() {
        let found = line
            .chars()
            .enumerate()
            .find(|(_, c)| (c.is_control() && *c != '\t') || matches!(c, '\u{fffe}' | '\u{ffff}'));
        if let Some((column, c)) = found {
            return Err(Fault::new(
                number + 1,
                column + 1,
                &format!("control character U+{:04X}", u32::from(c)),
                "YAML is plain UTF-8 text; inside double quotes, write `\\xNN`",
            ));
        }
    }
    Ok(())
}

fn of_parser(text: &str, error: &serde_yaml::Error) -> Fault {
    let whole = error.to_string();
    if whole.contains("more than one document") {
        let at = locate::second_document(text).unwrap_or(Located { line: 1, column: 1 });
        return Fault::new(
            at.line,
            at.column,
            "a second document begins here",
            "a plan file is one document: remove the `---`, or make two files",
        );
    }
    let (line, column) = error.location().map_or((1, 1), |place| (place.line(), place.column()));
    let lines = lines(text);
    let source = lines.get(line - 1).copied().unwrap_or_default();
    let here = source.chars().nth(column - 1);
    let (message, hint) = explained(&whole, source, here);
    // Where something isn't closed, its beginning says more than the place where the parser gave up.
    let (line, column) = match source.find("${").filter(|_| hint == QUOTED) {
        Some(at) => (line, source.get(..at).unwrap_or_default().chars().count() + 1),
        None => beginning(&whole).unwrap_or((line, column)),
    };
    Fault::new(line, column, &message, hint)
}

/// Where the parser began what it could not end: it tells that only in words.
fn beginning(whole: &str) -> Option<(usize, usize)> {
    let (_, context) = whole.split_once(", while ")?;
    let unclosed = whole.starts_with("found unexpected end of stream")
        || whole.starts_with("could not find expected ':'")
        || whole.starts_with("did not find expected ',' or");
    let (_, place) = context.split_once(" at line ").filter(|_| unclosed)?;
    let (line, column) = place.split_once(" column ")?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// The parser's words, and what to do about them.
fn explained(whole: &str, source: &str, here: Option<char>) -> (String, &'static str) {
    let in_brackets = whole.contains("flow") || whole.contains("',' or");
    if whole.contains("cannot start any token") {
        return match here {
            Some('\t') => ("a tab can't indent YAML".into(), "indent with spaces, two a level"),
            Some(c) => (format!("a value can't begin with `{c}`"), "put quotes around it"),
            None => ("a value can't begin here".into(), "put quotes around it"),
        };
    }
    if in_brackets && source.contains("${") {
        return ("`${` in a list or mapping of brackets needs quotes".into(), QUOTED);
    }
    let known: [(&str, &str, &str); 11] = [
        (
            "mapping values are not allowed",
            "a `:` where no field can begin",
            "indent fields of one section alike; put quotes around a value that has `: ` in it",
        ),
        (
            "did not find expected key",
            "no field can begin here",
            "indent fields of one section alike, each as `field: value`",
        ),
        ("could not find expected ':'", "a field without its `:`", "write each field as `field: value`"),
        (
            "did not find expected '-' indicator",
            "a list ends here without reason",
            "indent the items of one list alike, each as `- value`",
        ),
        (
            "did not find expected ',' or",
            "a list or mapping of brackets isn't closed",
            "write `[a, b]` or `{key: value}`",
        ),
        (
            "did not find expected node content",
            "no value can begin here",
            "put quotes around a value that has brackets, or begins with `:`, `,` or `%`",
        ),
        (
            "block sequence entries are not allowed",
            "a list can't begin here",
            "begin a list on the line below its field, each item as `- value`",
        ),
        ("unexpected end of stream", "quotes that aren't closed", "add the closing quote"),
        (
            "unknown anchor",
            "an alias (`*name`) without its anchor",
            "mark the value with `&name` above it, or put quotes around a value that begins with `*`",
        ),
        ("recursion limit", "the file is nested too deeply", "an alias may not hold itself"),
        ("repetition limit", "the file repeats too much", "use fewer aliases"),
    ];
    let found = known.iter().find(|(needle, ..)| whole.contains(needle));
    match found {
        Some((_, message, hint)) => ((*message).to_owned(), hint),
        None => (
            format!("not YAML: {}", without_positions(whole)),
            "check the indentation and the quotes here and on the line above",
        ),
    }
}

/// The parser's message without its ` at line 3 column 5`, which the problem tells already.
fn without_positions(message: &str) -> String {
    let mut out = String::new();
    let mut parts = message.split(" at line ");
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let rest = rest.strip_prefix(" column ").unwrap_or(rest);
        out.push_str(rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parsers_positions_are_cut_out_of_its_message() {
        assert_eq!(without_positions("bad at line 3 column 5, while x at line 1 column 2"), "bad, while x");
    }
}
