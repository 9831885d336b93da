//! The list that all problems of a plan file go to, and their way from a node to a line of the file.
//!
//! Knows which fields are in doubt, so that a rule about several fields is silent where one of them is already told
//! about. Keeps values that may be secrets out of the lines it shows.

use std::collections::BTreeSet;

use super::locate::{self, Side};
use super::syntax::Fault;
use super::tree::{Node, Path};
use super::{Located, Problem};

/// Problems in the making.
#[derive(Debug, Default)]
pub(super) struct Problems {
    drafts: Vec<Draft>,
    doubtful: BTreeSet<String>,
}

#[derive(Debug)]
struct Draft {
    path: Path,
    side: Side,
    /// Text to look for in the line, to point into the value.
    needle: Option<String>,
    message: String,
    hint: Option<String>,
}

impl Problems {
    /// Whether nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }

    /// Adds a problem at a node's key (at the item itself, where it is in a list).
    pub(super) fn at_key(&mut self, node: &Node, message: &str, hint: Option<&str>) {
        self.add(node.path.clone(), Side::Key, None, message, hint);
    }

    /// Adds a problem at a node's value.
    pub(super) fn at_value(&mut self, node: &Node, message: &str, hint: Option<&str>) {
        self.add(node.path.clone(), Side::Value, None, message, hint);
    }

    /// Adds a problem at the place in a node's value where `needle` stands.
    pub(super) fn at_text(&mut self, node: &Node, needle: &str, message: &str, hint: &str) {
        self.add(node.path.clone(), Side::Value, Some(needle.to_owned()), message, Some(hint));
    }

    /// Adds a problem at a path.
    pub(super) fn at_path(&mut self, path: Path, side: Side, message: &str, hint: &str) {
        self.add(path, side, None, message, Some(hint));
    }

    fn add(&mut self, path: Path, side: Side, needle: Option<String>, message: &str, hint: Option<&str>) {
        self.drafts.push(Draft { path, side, needle, message: message.to_owned(), hint: hint.map(str::to_owned) });
    }

    /// Marks the field `dotted` as one that is already told about.
    pub(super) fn doubt(&mut self, dotted: &str) {
        self.doubtful.insert(dotted.to_owned());
    }

    /// Whether the field `dotted`, or a part of it, is already told about.
    pub(super) fn doubts(&self, dotted: &str) -> bool {
        self.doubtful
            .iter()
            .any(|doubt| doubt.strip_prefix(dotted).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])))
    }

    /// The problems with their places, in the order of the file's lines.
    pub(super) fn located(self, file: &str, text: &str) -> Vec<Problem> {
        let lines = lines(text);
        let mut found: Vec<Problem> = self
            .drafts
            .into_iter()
            .map(|draft| {
                let at = locate::locate(text, &draft.path, draft.side);
                problem(file, &lines, at, draft.needle.as_deref(), draft.message, draft.hint)
            })
            .collect();
        // Stable, so that what is found first at a place is told first.
        found.sort_by_key(|problem| (problem.at.line, problem.at.column));
        // An anchor that is used twice has its problems twice.
        let mut told = BTreeSet::new();
        found.retain(|problem| told.insert((problem.at.line, problem.at.column, problem.message.clone())));
        found
    }
}

/// The one problem of a file that is not YAML, or not a mapping.
pub(super) fn of_syntax(file: &str, text: &str, fault: Fault) -> Problem {
    problem(file, &lines(text), fault.at, None, fault.message, fault.hint)
}

fn problem(
    file: &str,
    lines: &[&str],
    at: Located,
    needle: Option<&str>,
    message: String,
    hint: Option<String>,
) -> Problem {
    let mut at = at;
    if at.line > lines.len() {
        // The parser tells of an end of file as of a line that isn't there.
        at.line = lines.len().max(1);
        at.column = lines.last().map_or(0, |line| line.chars().count()) + 1;
    }
    let line = lines.get(at.line - 1).copied().unwrap_or_default();
    if let Some(found) = needle.and_then(|needle| find_from(line, at.column, needle)) {
        at.column = found;
    }
    Problem { file: file.to_owned(), at, source_line: without_secrets(line), message, hint }
}

/// The column of `needle` in `line` from `column` on.
fn find_from(line: &str, column: usize, needle: &str) -> Option<usize> {
    let (start, _) = line.char_indices().nth(column.checked_sub(1)?)?;
    let found = start + line.get(start..)?.find(needle)?;
    Some(line.get(..found)?.chars().count() + 1)
}

/// The file's lines. YAML has more line ends than `\n`, and the parser counts all of them.
pub(super) fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
        let (line, end) = rest.split_at(at);
        lines.push(line);
        let width = if end.starts_with("\r\n") { 2 } else { end.chars().next().map_or(0, char::len_utf8) };
        rest = end.get(width..).unwrap_or_default();
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

/// The line as it may be shown: people write the AUTH token itself where its variable's name belongs (or into a field
/// that doesn't exist), so nothing behind such a key is shown unless it can only be a variable's name.
fn without_secrets(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let key =
        ["auth_token", "auth-token", "authtoken", "password"].iter().filter_map(|secret| lower.find(secret)).min();
    let Some(key) = key else {
        return line.to_owned();
    };
    let rest = line.get(key..).unwrap_or_default();
    let Some((name, value)) = rest.split_once(':') else {
        return line.to_owned();
    };
    let value = value.split(" #").next().unwrap_or_default().trim();
    if value.is_empty() || (name.trim() == "auth_token_env" && super::interpolate::is_variable_name(value)) {
        return line.to_owned();
    }
    let shown = line.get(..key + name.len() + 1).unwrap_or_default();
    format!("{shown} …")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_the_parser_ends_them() {
        assert_eq!(lines("a\nb\r\nc\rd\u{85}e\u{2028}f"), ["a", "b", "c", "d", "e", "f"]);
        assert_eq!(lines("a\n\n"), ["a", ""]);
        assert!(lines("").is_empty());
    }

    #[test]
    fn what_may_be_a_token_is_not_shown() {
        for (line, shown) in [
            ("  auth_token_env: REDIS_TOKEN # why", "  auth_token_env: REDIS_TOKEN # why"),
            ("  auth_token_env: s3cret-of-mine", "  auth_token_env: …"),
            ("  auth_token: secretofmine", "  auth_token: …"),
            ("  authToken: secretofmine", "  authToken: …"),
            ("  é: {password: secretofmine}", "  é: {password: …"),
            ("cluster: {auth_token_env: \"a b\", shards: 3}", "cluster: {auth_token_env: …"),
            ("  auth_token_env:", "  auth_token_env:"),
            ("  shards: 3", "  shards: 3"),
        ] {
            assert_eq!(without_secrets(line), shown);
        }
    }

    #[test]
    fn a_doubt_about_a_part_is_a_doubt_about_the_whole() {
        let mut problems = Problems::default();
        problems.doubt("cluster.node_groups[1].slots");
        assert!(problems.doubts("cluster.node_groups"));
        assert!(problems.doubts("cluster.node_groups[1]"));
        assert!(!problems.doubts("cluster.node"));
        assert!(!problems.doubts("cluster.shards"));
    }
}
