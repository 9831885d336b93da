//! `${NAME}` and `${NAME:-default}` in the plan file's values.
//!
//! Works on single scalars after YAML was read, so that a value can never become structure. Knows no environment: the
//! lookup is an argument. A default is used where the variable is not set or empty, as in a shell.

use std::collections::BTreeSet;

use super::ReadOptions;
use super::problems::Problems;
use super::tree::{Entry, Form, Kind, Node};

/// What can be wrong with a value that has `${`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// No such variable, and no default.
    Unknown(String),
    /// `${` without its `}`.
    Unclosed,
    /// Not a variable's name, or more than a name and `:-`.
    Malformed(String),
}

/// The tree with every `${…}` replaced; a value whose variable is missing becomes [`Kind::Broken`].
pub(super) fn interpolated(root: Node, options: &ReadOptions<'_>, problems: &mut Problems) -> Node {
    let mut told = BTreeSet::new();
    replace_in(root, options, problems, &mut told)
}

fn replace_in(node: Node, options: &ReadOptions<'_>, problems: &mut Problems, told: &mut BTreeSet<String>) -> Node {
    let Node { path, kind } = node;
    let kind = match kind {
        Kind::List(items) => {
            let items = items.into_iter().map(|item| replace_in(item, options, problems, told));
            Kind::List(items.collect())
        }
        Kind::Map(entries) => {
            let entries = entries
                .into_iter()
                .map(|Entry { key, value }| Entry { key, value: replace_in(value, options, problems, told) });
            Kind::Map(entries.collect())
        }
        Kind::Scalar { text, form: Form::Text } if text.contains("${") => match replace(&text, options.variable) {
            Ok(text) => Kind::Scalar { text, form: Form::Replaced },
            Err(fault) => {
                let node = Node { path: path.clone(), kind: Kind::Broken };
                tell(&node, fault, problems, told);
                Kind::Broken
            }
        },
        other => other,
    };
    Node { path, kind }
}

/// A variable that is missing in five places is one problem, at the first of them.
fn tell(node: &Node, fault: Fault, problems: &mut Problems, told: &mut BTreeSet<String>) {
    match fault {
        Fault::Unknown(name) => {
            if told.insert(name.clone()) {
                problems.at_text(
                    node,
                    &format!("${{{name}"),
                    &format!("variable `{name}` is not set"),
                    &format!("give `--set {name}=…`, set it in the environment, or write `${{{name}:-default}}`"),
                );
            }
        }
        Fault::Unclosed => problems.at_text(
            node,
            "${",
            "`${` without its `}`",
            "write `${NAME}` or `${NAME:-default}`; `$${` stands for `${` itself",
        ),
        Fault::Malformed(inner) => problems.at_text(
            node,
            "${",
            &format!("`${{{inner}}}` is not a variable"),
            "write `${NAME}` or `${NAME:-default}`: letters, digits and `_`; `$${` stands for `${` itself",
        ),
    }
}

/// `text` with its variables replaced.
pub(super) fn replace(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, Fault> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, found) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = found.get(2..).unwrap_or_default();
            continue;
        }
        out.push_str(before);
        let inner = closed(found.get(2..).unwrap_or_default()).ok_or(Fault::Unclosed)?;
        out.push_str(&value_of(inner, variable)?);
        rest = found.get(inner.len() + 3..).unwrap_or_default();
    }
    out.push_str(rest);
    Ok(out)
}

/// What stands before the `}` that closes; a default may itself hold `${…}`.
fn closed(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '{' if previous == '$' => depth += 1,
            '}' if depth == 0 => return text.get(..at),
            '}' => depth -= 1,
            _ => {}
        }
        previous = c;
    }
    None
}

fn value_of(inner: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, Fault> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    if !is_variable_name(name) {
        return Err(Fault::Malformed(inner.to_owned()));
    }
    match (variable(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => replace(default, variable),
        (None, None) => Err(Fault::Unknown(name.to_owned())),
    }
}

/// Whether `name` can be the name of a variable.
pub(super) fn is_variable_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Result<String, Fault> {
        replace(text, &|name| match name {
            "A" => Some("one".to_owned()),
            "B_2" => Some("$A ${A}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn variables_and_defaults_are_replaced_as_in_a_shell() {
        for (text, want) in [
            ("plain $A", "plain $A"),
            ("${A}", "one"),
            ("x-${A}-${A}-y", "x-one-one-y"),
            ("${NONE:-3}", "3"),
            ("${A:-3}", "one"),
            ("${EMPTY:-3}", "3"),
            ("${EMPTY}", ""),
            ("${NONE:-}", ""),
            ("${NONE:-${A}}!", "one!"),
            ("${NONE:-a:-b}", "a:-b"),
            ("$${A}", "${A}"),
            ("$${A} ${A}", "${A} one"),
            // A value is not read again: what a variable holds is only text.
            ("${B_2}", "$A ${A}"),
            ("é${A}é", "éoneé"),
        ] {
            assert_eq!(with(text).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_is_no_variable_is_told() {
        assert_eq!(with("a ${NONE} b"), Err(Fault::Unknown("NONE".into())));
        assert_eq!(with("${NONE:-${OTHER}}"), Err(Fault::Unknown("OTHER".into())));
        assert_eq!(with("${A"), Err(Fault::Unclosed));
        assert_eq!(with("${"), Err(Fault::Unclosed));
        for (text, inner) in [("${}", ""), ("${1A}", "1A"), ("${A-x}", "A-x"), ("${A:?x}", "A:?x"), ("${é}", "é")] {
            assert_eq!(with(text), Err(Fault::Malformed(inner.into())), "{text}");
        }
    }
}
