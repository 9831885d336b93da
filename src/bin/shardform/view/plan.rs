//! A change set for people: a line a resource, the fields below it, and a summary.

use serde_json::Value;
use shardform::diff::{Action, Change, Field, Summary};
use shardform::steps::Step;

use super::{count, cut, padded, printable, symbol};
use crate::session::Picture;
use crate::terminal::Paint;

/// Columns before a field's name.
const FIELD_INDENT: usize = 8;
/// Zones of so many shards are shown, unless all is asked for.
const SHARDS_SHOWN: usize = 6;

/// Whose changes these are.
pub struct Heading<'a> {
    /// Stack.
    pub stack: &'a str,
    /// Region.
    pub region: &'a str,
    /// AWS account, where it is told.
    pub account: Option<&'a str>,
}

impl Heading<'_> {
    /// `day19 in us-east-1 (account 000000000000)`
    pub fn text(&self, paint: Paint) -> String {
        let account = self.account.map(|account| format!(" (account {account})")).unwrap_or_default();
        format!("{} in {}{account}", paint.bold(self.stack), self.region)
    }
}

/// All of it.
pub fn text(heading: &Heading, picture: &Picture, verbose: bool, paint: Paint) -> String {
    let set = &picture.changes;
    let mut lines = vec![heading.text(paint), String::new()];
    let width = set.changes.iter().map(|change| change.address.as_str().len()).max().unwrap_or_default();
    for change in &set.changes {
        lines.push(head_line(change, width, paint));
        lines.extend(reason_line(change, verbose, paint));
        lines.extend(field_lines(change, verbose, paint));
        if verbose {
            let own = picture.steps.steps.iter().filter(|step| step.address == change.address);
            lines.extend(own.filter(|step| !step.call.operation().is_empty()).map(|step| step_line(step, paint)));
        }
    }
    if set.changes.is_empty() && set.refusals.is_empty() {
        lines.push("  nothing to change".to_owned());
    }
    if !set.changes.is_empty() && !set.notes.is_empty() {
        lines.push(String::new());
    }
    lines.extend(set.notes.iter().map(|note| format!("  note: {}", printable(note))));
    if !set.refusals.is_empty() {
        if !set.changes.is_empty() {
            lines.push(String::new());
        }
        let sentence = format!("{} can't be done, see below", count(set.refusals.len(), "thing"));
        lines.push(format!("  {}", paint.red(&sentence)));
    }
    lines.extend([String::new(), summary(&set.summary())]);
    lines.join("\n")
}

/// `6 to create, 0 to update, 0 to replace, 0 to delete`
pub fn summary(summary: &Summary) -> String {
    let Summary { create, update, replace, delete } = summary;
    format!("{create} to create, {update} to update, {replace} to replace, {delete} to delete")
}

fn head_line(change: &Change, width: usize, paint: Paint) -> String {
    let address = paint.bold(&padded(change.address.as_str(), width));
    format!("  {} {address}  {}", symbol(change.action, paint), printable(&change.name))
}

/// Why something is replaced or waited for is always said; the other reasons are what one expects.
fn reason_line(change: &Change, verbose: bool, paint: Paint) -> Option<String> {
    let is_surprising = matches!(change.action, Action::Replace | Action::Wait);
    let indent = " ".repeat(FIELD_INDENT);
    (is_surprising || verbose).then(|| format!("{indent}{}", paint.dim(&printable(&change.reason))))
}

fn field_lines(change: &Change, verbose: bool, paint: Paint) -> Vec<String> {
    let (rows, left_out) = rows(change, verbose);
    let width = rows.iter().map(|row| row.path.chars().count()).max().unwrap_or_default();
    let indent = " ".repeat(FIELD_INDENT);
    let room = paint.width.saturating_sub(FIELD_INDENT + width + 2);
    let fitting = |text: &str| if verbose { text.to_owned() } else { cut(text, room) };
    let mut lines = Vec::new();
    for row in rows {
        let path = padded(&row.path, width);
        let Some(before) = &row.before else {
            lines.push(format!("{indent}{path}  {}", fitting(&row.after)));
            continue;
        };
        let both = format!("{before} -> {}", row.after);
        if both.chars().count() <= room {
            lines.push(format!("{indent}{path}  {both}"));
        } else {
            lines.push(format!("{indent}{path}  {}", fitting(before)));
            let after = fitting(&format!("-> {}", row.after));
            lines.push(format!("{indent}{}  {after}", " ".repeat(width)));
        }
    }
    if left_out > 0 {
        let more = format!("… and {} (-v shows them)", count(left_out, "more shard"));
        lines.push(format!("{indent}{}", paint.dim(&more)));
    }
    lines
}

/// A field as it is shown.
struct Row {
    path: String,
    /// `None`: there was nothing before, as for all of what is created.
    before: Option<String>,
    after: String,
}

/// Fields in their order; and how many shards are left out.
fn rows(change: &Change, verbose: bool) -> (Vec<Row>, usize) {
    let creating = change.action == Action::Create;
    let is_shard = |field: &&Field| field.path.starts_with("node_groups.");
    let shards = change.fields.iter().filter(is_shard).count();
    let shown = if verbose || shards <= SHARDS_SHOWN { shards } else { SHARDS_SHOWN - 1 };
    let hidden: Vec<&Field> = change.fields.iter().filter(is_shard).skip(shown).collect();
    let fields = change.fields.iter().filter(|field| !hidden.contains(field));
    if !creating {
        let rows = fields.map(|field| Row {
            path: printable(&field.path),
            before: Some(value(&field.before)),
            after: value(&field.after),
        });
        return (rows.collect(), hidden.len());
    }
    let version = change.fields.iter().find(|field| field.path == "engine_version");
    // The line above says the name already, and the version belongs to its engine.
    let is_said = |field: &Field| {
        let is_name = field.path == "name" && field.after.as_str() == Some(change.name.as_str());
        is_name || field.path == "engine_version"
    };
    let rows = fields.filter(|field| !is_said(field)).map(|field| {
        let version = version.filter(|_| field.path == "engine");
        let version = version.map(|version| format!(" {}", value(&version.after)));
        Row {
            path: printable(&field.path),
            before: None,
            after: format!("{}{}", value(&field.after), version.unwrap_or_default()),
        }
    });
    (rows.collect(), hidden.len())
}

/// A value as one would write it in the plan file, on one line.
fn value(value: &Value) -> String {
    match value {
        Value::Null => "(none)".to_owned(),
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => printable(text),
        Value::Array(items) if items.is_empty() => "(none)".to_owned(),
        Value::Array(items) => items.iter().map(self::value).collect::<Vec<_>>().join(", "),
        other => printable(&other.to_string()),
    }
}

fn step_line(step: &Step, paint: Paint) -> String {
    let needs: Vec<String> = step.needs.iter().map(|need| (need + 1).to_string()).collect();
    let after = if needs.is_empty() { String::new() } else { format!(", after {}", needs.join(" ")) };
    let line = format!("{}. {} ({}{after})", step.id + 1, step.call.operation(), step.reason);
    format!("{}{}", " ".repeat(FIELD_INDENT), paint.dim(&printable(&line)))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
pub(crate) mod tests;
