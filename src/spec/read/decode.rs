//! A small typed decoder over the tree: each question to a field is answered, or adds a problem and goes on.
//!
//! Knows types and words; the fields' names come from `fields`, what a value means from `values`. A field that could
//! not be read is put in doubt, so that no rule complains about it a second time.

use super::fields::{self, Table};
use super::problems::Problems;
use super::tree::{Entry, Form, Kind, Node};

/// Why a value is refused, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) hint: String,
}

impl Refusal {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Refusal {
        Refusal { message: message.into(), hint: hint.into() }
    }
}

/// A mapping whose fields are known.
pub(super) struct Section<'a> {
    dotted: String,
    node: &'a Node,
    entries: &'a [Entry],
}

/// A value with its name.
pub(super) struct Field<'a> {
    /// Its way from the root, such as `cluster.node_groups[0].slots`.
    pub(super) dotted: String,
    /// What messages call it.
    pub(super) label: String,
    /// Its place in the tree.
    pub(super) node: &'a Node,
}

impl<'a> Section<'a> {
    /// The plan file itself.
    pub(super) fn root(node: &'a Node, problems: &mut Problems) -> Option<Section<'a>> {
        let root = Field { dotted: String::new(), label: "the plan file".to_owned(), node };
        root.section(&fields::ROOT, problems)
    }

    /// The field `name`, where the file has it.
    pub(super) fn field(&self, name: &str) -> Option<Field<'a>> {
        let entry = self.entries.iter().find(|entry| entry.name() == Some(name))?;
        Some(Field { dotted: join(&self.dotted, name), label: format!("`{name}`"), node: &entry.value })
    }

    /// The field `name`, or a problem where the file doesn't have it.
    pub(super) fn required(&self, name: &str, what: &str, problems: &mut Problems) -> Option<Field<'a>> {
        let found = self.field(name);
        let dotted = join(&self.dotted, name);
        // A misspelled field that was told about isn't missing as well.
        if found.is_none() && !problems.doubts(&dotted) {
            problems.at_key(self.node, &format!("field `{name}` is missing"), Some(what));
            problems.doubt(&dotted);
        }
        found
    }

    fn tell_unknown(&self, table: &Table, problems: &mut Problems) {
        for entry in self.entries {
            let Some(name) = entry.name().filter(|name| !table.names.contains(name)) else {
                continue;
            };
            let message = format!("unknown field `{name}` in {}", table.title);
            let nearest = fields::nearest(name, table);
            if let Some(nearest) = nearest {
                problems.doubt(&join(&self.dotted, nearest));
            }
            problems.at_key(&entry.key, &message, Some(&fields::suggestion(name, nearest, table)));
        }
    }
}

impl<'a> Field<'a> {
    /// Says what is wrong with the value.
    pub(super) fn refuse(&self, problems: &mut Problems, refusal: &Refusal) {
        problems.doubt(&self.dotted);
        problems.at_value(self.node, &refusal.message, Some(&refusal.hint));
    }

    /// Says that the value is not of the kind that the field takes.
    pub(super) fn mismatch(&self, problems: &mut Problems, allowed: &str) {
        problems.doubt(&self.dotted);
        let label = &self.label;
        match &self.node.kind {
            Kind::Broken => {}
            Kind::Null => problems.at_key(self.node, &format!("{label} has no value"), Some(allowed)),
            kind => problems.at_value(self.node, &format!("{label} can't be {}", described(kind)), Some(allowed)),
        }
    }

    /// The value as a mapping of known fields; nothing at all is an empty one.
    pub(super) fn section(&self, table: &'static Table, problems: &mut Problems) -> Option<Section<'a>> {
        let entries = match &self.node.kind {
            Kind::Map(entries) => entries.as_slice(),
            Kind::Null => &[],
            _ => {
                self.mismatch(problems, &format!("a mapping of {}", quoted(table.names, ", ")));
                return None;
            }
        };
        let section = Section { dotted: self.dotted.clone(), node: self.node, entries };
        section.tell_unknown(table, problems);
        Some(section)
    }

    /// The value as a mapping of free names to scalars.
    pub(super) fn pairs(&self, problems: &mut Problems, allowed: &str) -> Vec<(&'a Node, String, Field<'a>)> {
        let entries = match &self.node.kind {
            Kind::Map(entries) => entries.as_slice(),
            Kind::Null => &[],
            _ => {
                self.mismatch(problems, allowed);
                &[]
            }
        };
        entries
            .iter()
            .filter_map(|entry| {
                let name = entry.name()?;
                let field = Field { dotted: join(&self.dotted, name), label: format!("`{name}`"), node: &entry.value };
                Some((&entry.key, name.to_owned(), field))
            })
            .collect()
    }

    /// The value as a list; nothing at all is an empty one.
    pub(super) fn items(&self, problems: &mut Problems, allowed: &str) -> Option<Vec<Field<'a>>> {
        match &self.node.kind {
            Kind::List(items) => Some(items.iter().enumerate().map(|(at, node)| self.item(at, node)).collect()),
            Kind::Null => Some(Vec::new()),
            _ => {
                self.mismatch(problems, allowed);
                None
            }
        }
    }

    fn item(&self, index: usize, node: &'a Node) -> Field<'a> {
        Field { dotted: format!("{}[{index}]", self.dotted), label: format!("an item of {}", self.label), node }
    }

    /// The value as a list of texts that pass `check`, each once.
    pub(super) fn texts(
        &self,
        problems: &mut Problems,
        allowed: &str,
        check: impl Fn(&str) -> Result<String, Refusal>,
    ) -> Option<Vec<String>> {
        let items = self.items(problems, allowed)?;
        let mut texts: Vec<String> = Vec::new();
        for item in items {
            if let Some(text) = item.text(problems, &check) {
                item.push_once(problems, &mut texts, text);
            }
        }
        Some(texts)
    }

    /// Adds `value` to the list that it is an item of, unless it is there already.
    pub(super) fn push_once<T: PartialEq>(&self, problems: &mut Problems, list: &mut Vec<T>, value: T) {
        if list.contains(&value) {
            let shown = self.scalar().map_or("this".to_owned(), |text| format!("`{text}`"));
            self.refuse(
                problems,
                &Refusal::new(format!("{shown} stands in the list a second time"), "keep one of the two"),
            );
        } else {
            list.push(value);
        }
    }

    /// The scalar's own text, whatever its type.
    pub(super) fn scalar(&self) -> Option<&'a str> {
        match &self.node.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The value as text that passes `check`. A number counts by its own digits, so `7.10` stays `7.10`.
    pub(super) fn text(
        &self,
        problems: &mut Problems,
        check: impl Fn(&str) -> Result<String, Refusal>,
    ) -> Option<String> {
        let text = match &self.node.kind {
            Kind::Scalar { form: Form::Bool(_), .. } => {
                self.mismatch(problems, "text; put quotes around it to mean the word itself");
                return None;
            }
            Kind::Scalar { text, .. } => text,
            _ => {
                self.mismatch(problems, "text");
                return None;
            }
        };
        match check(text) {
            Ok(text) => Some(text),
            Err(refusal) => {
                self.refuse(problems, &refusal);
                None
            }
        }
    }

    /// The value as a whole number from `least` to `most`.
    pub(super) fn whole(&self, problems: &mut Problems, least: u32, most: u32) -> Option<u32> {
        let allowed = format!("a whole number from {least} to {most}");
        match &self.node.kind {
            Kind::Scalar { text, form: Form::Number | Form::Replaced } => {
                let digits = text.trim();
                let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                let number = digits.parse::<u32>().ok().filter(|number| (least..=most).contains(number));
                if is_whole && number.is_some() {
                    return number;
                }
                let negative = digits.strip_prefix('-').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
                let message = if digits.is_empty() {
                    format!("{} is empty", self.label)
                } else if is_whole || negative {
                    format!("{} is out of range: {}", self.label, shortened(digits))
                } else {
                    format!("{} must be a whole number, not `{}`", self.label, shortened(digits))
                };
                self.refuse(problems, &Refusal::new(message, allowed));
            }
            Kind::Scalar { text, form: Form::Text } if text.parse::<u32>().is_ok() => {
                self.mismatch(problems, &format!("{allowed}, without quotes"));
            }
            _ => self.mismatch(problems, &allowed),
        }
        None
    }

    /// The value as a boolean.
    pub(super) fn boolean(&self, problems: &mut Problems) -> Option<bool> {
        match &self.node.kind {
            Kind::Scalar { form: Form::Bool(value), .. } => return Some(*value),
            Kind::Scalar { text, form: Form::Replaced } if text == "true" => return Some(true),
            Kind::Scalar { text, form: Form::Replaced } if text == "false" => return Some(false),
            Kind::Scalar { text, form: Form::Text | Form::Replaced } => {
                let hint = match text.to_lowercase().as_str() {
                    "yes" | "on" | "y" | "true" => "`true` or `false`; did you mean `true`?",
                    "no" | "off" | "n" | "false" => "`true` or `false`; did you mean `false`?",
                    _ => "`true` or `false`",
                };
                self.mismatch(problems, hint);
            }
            _ => self.mismatch(problems, "`true` or `false`"),
        }
        None
    }

    /// The value as one of some words.
    pub(super) fn word<T: Copy>(&self, problems: &mut Problems, words: &[(&'static str, T)]) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let allowed = one_of(&names);
        match &self.node.kind {
            Kind::Scalar { text, form: Form::Text | Form::Replaced | Form::Number } => {
                if let Some((_, value)) = words.iter().find(|(name, _)| name == text) {
                    return Some(*value);
                }
                let hint = match fields::nearest_of(text, &names) {
                    Some(near) if names.len() > 1 => format!("{allowed}; did you mean `{near}`?"),
                    _ => allowed,
                };
                let message = format!("{} can't be `{}`", self.label, shortened(text));
                self.refuse(problems, &Refusal::new(message, hint));
            }
            _ => self.mismatch(problems, &allowed),
        }
        None
    }
}

/// The dotted path of a field.
pub(super) fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

/// Names in backquotes.
pub(super) fn quoted(names: &[&str], between: &str) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(between)
}

/// Names in backquotes, the last after an `or`.
fn one_of(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, [])) => format!("`{last}`"),
        Some((last, others)) => format!("{} or `{last}`", quoted(others, ", ")),
        None => String::new(),
    }
}

/// A value as a message quotes it.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 48;
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() <= MOST {
        line
    } else {
        let start: String = line.chars().take(MOST).collect();
        format!("{start}…")
    }
}

fn described(kind: &Kind) -> String {
    match kind {
        Kind::Null | Kind::Broken => "nothing".to_owned(),
        Kind::List(_) => "a list".to_owned(),
        Kind::Map(_) => "a mapping".to_owned(),
        Kind::Tagged(tag) => format!("tagged (`!{}`)", shortened(tag)),
        Kind::Scalar { text, form } => match form {
            Form::Bool(value) => format!("the boolean `{value}`"),
            Form::Number => format!("the number `{}`", shortened(text)),
            Form::Text | Form::Replaced if text.is_empty() => "empty".to_owned(),
            Form::Text | Form::Replaced => format!("the text `{}`", shortened(text)),
        },
    }
}
