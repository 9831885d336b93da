//! All that was found as tables: what the drawings show, in figures.

use std::collections::BTreeSet;

use shardform::cluster::drill::report::Traffic;

use super::element::Element;
use super::shard::Shard;
use super::words;
use Kind::{Name, Number, Words};

/// Lost writes that are named.
const LOST_NAMED: usize = 100;
/// Kinds of errors that are named.
const ERRORS_NAMED: usize = 25;
/// Outages, or changes of roles, that are listed.
const LISTED: usize = 200;
/// Rows that are always open; of longer tables people see the heading first.
const OPEN: usize = 40;

/// What is in a column.
#[derive(Clone, Copy)]
enum Kind {
    /// Aligned at the right.
    Number,
    /// Names that are not broken.
    Name,
    /// Text of any length.
    Words,
}

impl Kind {
    fn class(self) -> &'static str {
        match self {
            Number => "number",
            Name => "name",
            Words => "words",
        }
    }
}

/// A column's heading, and what is in it.
type Column<'a> = (&'a str, Kind);

/// All tables of a shard, those without rows left out.
pub fn all(shard: &Shard) -> Vec<Element> {
    let tables = [events(shard), requests(shard), errors(shard), outages(shard), lost(shard), roles(shard)];
    tables.into_iter().flatten().chain(notes(shard)).collect()
}

/// Every stream of requests.
fn requests(shard: &Shard) -> Option<Element> {
    let columns = [
        ("Requests", Name),
        ("Succeeded", Number),
        ("Failed", Number),
        ("Longest outage", Number),
        ("Outages", Number),
        ("All together", Number),
        ("Median", Number),
        ("99%", Number),
    ];
    let time = |time_us: Option<u64>| time_us.map_or_else(|| "–".to_owned(), words::latency);
    let row = |(name, traffic): (String, &Traffic)| {
        vec![
            name,
            words::grouped(traffic.succeeded),
            words::grouped(traffic.failed),
            words::exact(traffic.longest_outage_ms()),
            words::grouped(traffic.outages.len() as u64),
            words::exact(traffic.unavailable_ms()),
            time(traffic.median_us),
            time(traffic.p99_us),
        ]
    };
    part("Requests in figures", None, &columns, shard.traffic().into_iter().map(row).collect())
}

/// What a client saw instead of answers, the most frequent first.
fn errors(shard: &Shard) -> Option<Element> {
    let traffic = shard.traffic();
    let kinds: BTreeSet<&String> = traffic.iter().flat_map(|(_, traffic)| traffic.errors.keys()).collect();
    let of = |traffic: &Traffic, kind: &String| traffic.errors.get(kind).copied().unwrap_or(0);
    let sum = |kind: &String| traffic.iter().fold(0_u64, |sum, (_, traffic)| sum.saturating_add(of(traffic, kind)));
    let mut kinds: Vec<(&String, u64)> = kinds.into_iter().map(|kind| (kind, sum(kind))).collect();
    kinds.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    let row = |(kind, _): &(&String, u64)| {
        let counts = traffic.iter().map(|(_, traffic)| words::grouped(of(traffic, kind)));
        std::iter::once((*kind).clone()).chain(counts).collect::<Vec<String>>()
    };
    let columns = std::iter::once(("Instead of an answer", Words));
    let columns: Vec<Column> = columns.chain(traffic.iter().map(|(name, _)| (name.as_str(), Number))).collect();
    let rest = kinds.get(ERRORS_NAMED..).unwrap_or_default();
    let times = rest.iter().fold(0_u64, |sum, (_, times)| sum.saturating_add(*times));
    let note = (!rest.is_empty()).then(|| {
        format!(
            "and {}, seen {} together",
            words::counted(rest.len() as u64, "other answer"),
            words::counted(times, "time")
        )
    });
    part("What a client saw", note, &columns, kinds.iter().take(ERRORS_NAMED).map(row).collect())
}

/// The times in which nothing succeeded, in the order of time.
fn outages(shard: &Shard) -> Option<Element> {
    let traffic = shard.traffic();
    let mut all: Vec<_> = traffic.iter().flat_map(|(name, of)| of.outages.iter().map(move |one| (name, one))).collect();
    all.sort_by_key(|(_, outage)| outage.from_ms);
    let columns = [("Nothing succeeded", Name), ("From", Number), ("To", Number), ("Length", Number)];
    let rows = all.iter().take(LISTED).map(|(name, outage)| {
        let (from, to) = (shard.since(outage.from_ms), shard.since(outage.to_ms));
        vec![(*name).clone(), from, to, words::exact(outage.length_ms())]
    });
    part("Outages", first_of(LISTED, all.len()), &columns, rows.collect())
}

/// What AWS told, with the numbers of the drawing.
fn events(shard: &Shard) -> Option<Element> {
    let columns = [("Number", Number), ("After the call", Number), ("Event", Words), ("Whose", Name), ("UTC", Number)];
    let rows = shard.events.iter().enumerate().map(|(at, event)| {
        let time = words::time_of_day(shard.report.began_ms, event.at_ms).unwrap_or_else(|| "–".to_owned());
        let source = format!("{} {}", event.source_type, event.source);
        vec![(at + 1).to_string(), shard.since_signed(event.at_ms), event.message.clone(), source, time]
    });
    part("Events", None, &columns, rows.collect())
}

/// Writes that were acknowledged and are gone.
fn lost(shard: &Shard) -> Option<Element> {
    let lost = &shard.drill.lost;
    let columns = [("Key", Name), ("Number of the write", Number), ("Acknowledged", Number)];
    let rows = lost.iter().take(LOST_NAMED);
    let rows =
        rows.map(|write| vec![write.key.clone(), words::grouped(write.number), shard.since(write.acknowledged_ms)]);
    part("Lost writes", first_of(LOST_NAMED, lost.len()), &columns, rows.collect())
}

/// Each change of a role.
fn roles(shard: &Shard) -> Option<Element> {
    let roles = &shard.drill.roles;
    let columns = [("Node", Name), ("Zone", Name), ("Endpoint", Name), ("From", Number), ("Role", Name)];
    let rows = roles.iter().take(LISTED).map(|change| {
        let (node, role) = (&change.node, words::role(change.role).to_owned());
        vec![words::name(node).to_owned(), node.zone.clone(), node.endpoint.clone(), shard.since(change.at_ms), role]
    });
    part("Roles", first_of(LISTED, roles.len()), &columns, rows.collect())
}

fn notes(shard: &Shard) -> Option<Element> {
    let notes = &shard.drill.notes;
    let list = Element::new("ul").children(notes.iter().map(|note| Element::of_text("li", note)));
    let part = Element::classed("div", "part").child(Element::of_text("h3", "Notes")).child(list);
    (!notes.is_empty()).then_some(part)
}

fn first_of(shown: usize, all: usize) -> Option<String> {
    (all > shown).then(|| format!("the first {shown} of {}", words::grouped(all as u64)))
}

/// A heading and its table; `None`: there is nothing in it.
fn part(heading: &str, note: Option<String>, columns: &[Column], rows: Vec<Vec<String>>) -> Option<Element> {
    if rows.is_empty() {
        return None;
    }
    let part = Element::classed("div", "part").child(Element::of_text("h3", heading));
    let count = rows.len();
    let table = table(heading, columns, rows);
    let note = note.map(|note| Element::classed("p", "note").text(note));
    if count <= OPEN {
        return Some(part.child(table).children(note));
    }
    let summary = Element::of_text("summary", words::counted(count as u64, "row"));
    Some(part.child(Element::new("details").child(summary).child(table).children(note)))
}

/// A table in a box of its own, which is moved where it is wider than the screen.
fn table(name: &str, columns: &[Column], rows: Vec<Vec<String>>) -> Element {
    let headings =
        columns.iter().map(|(text, kind)| Element::classed("th", kind.class()).with("scope", "col").text(text));
    let rows = rows.into_iter().map(|cells| {
        let cells = cells.into_iter().zip(columns).enumerate().map(|(at, (cell, (_, kind)))| {
            let plain = Element::classed(if at == 0 { "th" } else { "td" }, kind.class());
            let scoped = if at == 0 { plain.with("scope", "row") } else { plain };
            scoped.text(cell)
        });
        Element::new("tr").children(cells)
    });
    let head = Element::new("thead").child(Element::new("tr").children(headings));
    let table = Element::new("table").child(head).child(Element::new("tbody").children(rows));
    Element::classed("div", "scroll").with("tabindex", 0).with("role", "group").with("aria-label", name).child(table)
}
