//! A failover drill as one HTML page that stands for itself: the drawn timeline, and all of it in tables.
//!
//! Pure: a report in, a page out. The page fetches nothing and runs nothing (its own policy forbids both), and all that
//! comes from outside, names, texts and errors, goes through `element`, which escapes it.

mod bins;
mod element;
#[cfg(test)]
mod fixtures;
mod lanes;
mod scale;
mod shard;
mod tables;
mod timeline;
mod words;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use shardform::cluster::drill::report::{DrillReport, Outcome, SeenRole, ShardDrill, Traffic};

use self::element::Element;
use self::shard::Shard;
use self::timeline::{View, figure};
use super::count;

/// How the page looks.
const STYLE: &str = include_str!("../../../../templates/drill.css");

/// The page, as a whole HTML document.
pub fn page(report: &DrillReport) -> String {
    let shards = Shard::all(report);
    let body = Element::new("body")
        .child(heading(report))
        .child(main(report, &shards))
        .child(patterns())
        .child(footer(report));
    let html = Element::new("html").with("lang", "en").child(head(report)).child(body);
    format!("<!doctype html>\n{}\n", html.markup())
}

/// What the page may do: look like its own style sheet says, and nothing else.
fn policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}

fn head(report: &DrillReport) -> Element {
    let meta = |name: &str, content: &str| Element::new("meta").with("name", name).with("content", content);
    let policy = Element::new("meta").with("http-equiv", "Content-Security-Policy").with("content", policy());
    Element::new("head")
        .child(Element::new("meta").with("charset", "utf-8"))
        .child(policy)
        .child(meta("viewport", "width=device-width, initial-scale=1"))
        .child(meta("color-scheme", "light dark"))
        .child(meta("referrer", "no-referrer"))
        .child(Element::of_text("title", format!("Failover drill of {}", report.stack)))
        .child(Element::new("style").style_sheet(STYLE))
}

/// What was drilled, where, and when.
fn heading(report: &DrillReport) -> Element {
    let cluster = format!(
        "{}, {} with {} each",
        if report.engine.is_empty() { "engine not known" } else { &report.engine },
        count(report.shards, "shard"),
        count(report.replicas_per_shard, "replica"),
    );
    let began = words::moment(report.began_ms, 0);
    let time = match &began {
        Some(moment) => Element::new("time").with("datetime", moment).text(people(moment)),
        None => Element::of_text("span", "at an unknown time"),
    };
    let facts = Element::classed("p", "facts")
        .child(Element::of_text("span", &report.region))
        .child(Element::of_text("span", cluster))
        .child(time)
        .child(Element::of_text("span", format!("took {}", words::span(report.took_ms))));
    Element::new("header").child(Element::of_text("h1", format!("Failover drill of {}", report.stack))).child(facts)
}

/// `2026-11-22 21:08:32 UTC`
fn people(moment: &str) -> String {
    let whole_seconds = moment.split('.').next().unwrap_or(moment);
    format!("{} UTC", whole_seconds.replace('T', " "))
}

fn main(report: &DrillReport, shards: &[Shard]) -> Element {
    let main = Element::new("main").child(Element::classed("p", "result").text(result(report)));
    let overview = (shards.len() > 1).then(|| [worst(&report.drills), overview(shards)]);
    main.children(overview.into_iter().flatten()).children(shards.iter().map(section))
}

/// The drill in one sentence, with the numbers that people look for.
fn result(report: &DrillReport) -> String {
    let drills = &report.drills;
    match drills.as_slice() {
        [] => "No shard was failed over.".to_owned(),
        [drill] => format!("{}; {}.", words::result(drill), lost(drills)),
        _ => {
            let over = drills.iter().filter(|drill| matches!(drill.outcome, Outcome::Restored | Outcome::NotRestored));
            let over = format!("{} of {} failed over", over.count(), count(drills.len(), "shard"));
            format!("{over}: {}; {}; {}.", worst_writes(drills), worst_strength(drills), lost(drills))
        }
    }
}

/// What was longest, over all shards.
fn worst(drills: &[ShardDrill]) -> Element {
    let outage = |of: fn(&ShardDrill) -> &Traffic| {
        let longest = drills.iter().max_by_key(|drill| of(drill).longest_outage_ms());
        let (time, shard) = longest.map(|drill| (words::failed_for(of(drill), drill.ended_ms), &drill.shard)).unzip();
        let shard = shard.map(|shard| format!("at the longest, shard {shard}"));
        (time.unwrap_or_default(), shard.unwrap_or_default())
    };
    let (writes, writes_of) = outage(|drill| &drill.writes);
    let (reads, reads_of) = outage(|drill| &drill.reads);
    let lost = drills.iter().map(|drill| drill.lost.len() as u64).sum();
    let written = drills.iter().fold(0_u64, |sum, drill| sum.saturating_add(drill.writes.succeeded));
    let missing = drills.iter().filter(|drill| drill.restored_ms.is_none()).count();
    let whole = match missing {
        0 => "at the latest, of all shards".to_owned(),
        missing => format!("{} not seen at full strength", count(missing, "shard")),
    };
    let strength = drills.iter().filter_map(ShardDrill::restoration_ms).max();
    Element::classed("dl", "figures").children([
        key_figure("Writes failed for", &writes, &writes_of),
        key_figure("Reads failed for", &reads, &reads_of),
        key_figure(
            "Lost writes",
            &words::grouped(lost),
            &format!("of {}", words::counted(written, "acknowledged write")),
        ),
        key_figure("Full strength after", &strength.map_or_else(|| "not seen".to_owned(), words::span), &whole),
    ])
}

fn worst_writes(drills: &[ShardDrill]) -> String {
    let worst = drills.iter().max_by_key(|drill| drill.writes.longest_outage_ms());
    match worst.filter(|drill| drill.writes.longest_outage_ms() > 0) {
        Some(drill) => {
            let time = words::failed_for(&drill.writes, drill.ended_ms);
            format!("writes failed for {time} at the longest (shard {})", drill.shard)
        }
        None => "no write failed".to_owned(),
    }
}

fn worst_strength(drills: &[ShardDrill]) -> String {
    let missing = drills.iter().filter(|drill| drill.restoration_ms().is_none()).count();
    if missing > 0 {
        return format!("{} not seen at full strength again", count(missing, "shard"));
    }
    let longest = drills.iter().filter_map(ShardDrill::restoration_ms).max().unwrap_or(0);
    format!("full strength again after {} at the latest", words::span(longest))
}

fn lost(drills: &[ShardDrill]) -> String {
    match drills.iter().map(|drill| drill.lost.len() as u64).sum() {
        0 => "no acknowledged write was lost".to_owned(),
        1 => "1 acknowledged write was lost".to_owned(),
        number => format!("{} were lost", words::counted(number, "acknowledged write")),
    }
}

/// A line a shard, with the way to its section.
fn overview(shards: &[Shard]) -> Element {
    let names =
        ["Shard", "Outcome", "Primary", "Writes failed for", "Reads failed for", "Lost writes", "Full strength after"];
    let headings = names.map(|name| Element::new("th").with("scope", "col").text(name));
    let rows = shards.iter().map(|shard| {
        let drill = shard.drill;
        let link = Element::new("a").with("href", format!("#drill-{}", shard.number)).text(shard.name());
        let cells = [
            primaries(drill),
            words::failed_for(&drill.writes, drill.ended_ms),
            words::failed_for(&drill.reads, drill.ended_ms),
            words::grouped(drill.lost.len() as u64),
            strength(drill),
        ];
        Element::new("tr")
            .child(Element::new("th").with("scope", "row").child(link))
            .child(Element::new("td").child(badge(drill.outcome, words::short_outcome(drill.outcome))))
            .children(cells.map(|cell| Element::of_text("td", cell)))
    });
    let head = Element::new("thead").child(Element::new("tr").children(headings));
    let table = Element::new("table").child(head).child(Element::new("tbody").children(rows));
    let scroll = Element::classed("div", "scroll").with("tabindex", 0).with("role", "group");
    let scroll = scroll.with("aria-label", "Overview").child(table);
    Element::classed("section", "overview").child(Element::of_text("h2", "Overview")).child(scroll)
}

fn badge(outcome: Outcome, text: &str) -> Element {
    let (sign, class) = match outcome {
        Outcome::Restored => ("✓", "badge good"),
        Outcome::NotRestored => ("!", "badge middling"),
        Outcome::Left => ("…", "badge middling"),
        Outcome::NotFailedOver => ("✗", "badge bad"),
    };
    let sign = Element::classed("span", "sign").with("aria-hidden", "true").text(sign);
    Element::classed("span", class).child(sign).text(format!(" {text}"))
}

fn primaries(drill: &ShardDrill) -> String {
    let after = drill.primary_after.as_ref().map_or("nobody was seen", words::name);
    format!("{} → {after}", words::name(&drill.primary_before))
}

fn strength(drill: &ShardDrill) -> String {
    drill.restoration_ms().map_or_else(|| "not seen".to_owned(), words::span)
}

/// All of one shard.
fn section(shard: &Shard) -> Element {
    let outcome = shard.drill.outcome;
    let id = format!("drill-{}", shard.number);
    let heading = format!("{id}-heading");
    let whole = View { stretch: shard.whole(), is_whole: true };
    let close = shard.close().map(|stretch| View { stretch, is_whole: false });
    Element::new("section")
        .with("id", &id)
        .with("aria-labelledby", &heading)
        .child(Element::new("h2").with("id", &heading).text(format!("Shard {}", shard.name())))
        .child(Element::classed("p", "outcome").child(badge(outcome, words::outcome(outcome))))
        .child(change_of_primary(shard.drill))
        .child(figures(shard))
        .child(Element::of_text("h3", "Timeline"))
        .child(figure(shard, whole, "The whole drill"))
        .children(close.map(|view| figure(shard, view, "Closer: the failover itself")))
        .child(legend())
        .children(tables::all(shard))
}

fn change_of_primary(drill: &ShardDrill) -> Element {
    let after = match &drill.primary_after {
        Some(after) if after == &drill.primary_before => "the same as before".to_owned(),
        Some(after) => words::placed(after),
        None => "nobody was seen".to_owned(),
    };
    Element::classed("p", "primaries")
        .text("Primary ")
        .child(Element::of_text("strong", words::placed(&drill.primary_before)))
        .child(Element::new("span").with("aria-hidden", "true").text(" → "))
        .child(Element::classed("span", "hidden").text(", afterwards "))
        .child(Element::of_text("strong", after))
}

/// The numbers that people look for.
fn figures(shard: &Shard) -> Element {
    let drill = shard.drill;
    let ended_ms = drill.ended_ms;
    let promoted = drill.promoted_ms.map(|at| words::span(at.saturating_sub(drill.called_ms)));
    let acknowledged = format!("of {}", words::counted(drill.writes.succeeded, "acknowledged write"));
    let mut all = vec![
        key_figure("Writes failed for", &words::failed_for(&drill.writes, ended_ms), &words::failures(&drill.writes)),
        key_figure("Reads failed for", &words::failed_for(&drill.reads, ended_ms), &words::failures(&drill.reads)),
        key_figure("Lost writes", &words::grouped(drill.lost.len() as u64), &acknowledged),
        key_figure("New primary after", promoted.as_deref().unwrap_or("not seen"), "from the call until it was seen"),
        key_figure("Full strength after", &strength(drill), "the old primary back as a replica, none missing"),
    ];
    if let Some(other) = &drill.bystander {
        let failed = other.writes.failed.saturating_add(other.reads.failed);
        let sent = other.writes.succeeded.saturating_add(other.reads.succeeded).saturating_add(failed);
        let requests = words::counted(sent, "request");
        let detail = format!("shard {}: {} of {requests} failed", other.shard, words::grouped(failed));
        all.push(key_figure("Other shard felt", &words::bystander(other), &detail));
    }
    Element::classed("dl", "figures").children(all)
}

fn key_figure(name: &str, value: &str, detail: &str) -> Element {
    Element::new("div")
        .child(Element::of_text("dt", name))
        .child(Element::classed("dd", "value").text(value))
        .child(Element::classed("dd", "detail").text(detail))
}

/// What the drawing's colors and patterns mean.
fn legend() -> Element {
    let items = [
        ("succeeded", "succeeded"),
        ("failed", "failed"),
        ("outage", "nothing succeeded"),
        ("role primary", words::role(SeenRole::Primary)),
        ("role replica", words::role(SeenRole::Replica)),
        ("role syncing", words::role(SeenRole::Syncing)),
        ("role down", words::role(SeenRole::Down)),
    ];
    let items = items.map(|(class, name)| {
        let swatch = Element::classed("rect", class).at(&[("x", 1.0), ("y", 1.0), ("width", 22.0), ("height", 12.0)]);
        let swatch = Element::new("svg").with("viewBox", "0 0 24 14").with("aria-hidden", "true").child(swatch);
        Element::new("li").child(swatch).text(name)
    });
    Element::classed("ul", "legend").children(items)
}

/// The patterns that the style sheet fills with: what differs in color differs in its pattern too.
fn patterns() -> Element {
    let pattern = |id: &str, size: u32, line: &str| {
        let ground = Element::classed("rect", "ground").with("width", size).with("height", size);
        Element::new("pattern")
            .with("id", id)
            .with("width", size)
            .with("height", size)
            .with("patternUnits", "userSpaceOnUse")
            .child(ground)
            .child(Element::new("path").with("d", line))
    };
    let defs = Element::new("defs")
        .child(pattern("pattern-outage", 8, "M-2 2L2-2M0 8L8 0M6 10L10 6"))
        .child(pattern("pattern-syncing", 8, "M-2 6L2 10M0 0L8 8M6-2L10 2"))
        .child(pattern("pattern-down", 6, "M0 0L6 6M0 6L6 0"));
    Element::classed("svg", "patterns").with("width", 0).with("height", 0).with("aria-hidden", "true").child(defs)
}

fn footer(report: &DrillReport) -> Element {
    let zero = "Times count from the call for the failover, unless they say UTC.";
    let began = words::moment(report.began_ms, 0).map(|moment| format!(" The drill began at {moment}."));
    let maker = " Made by shardform.";
    Element::new("footer").child(Element::of_text("p", format!("{zero}{}{maker}", began.unwrap_or_default())))
}

#[cfg(test)]
#[path = "drill_page/page_tests.rs"]
mod tests;
