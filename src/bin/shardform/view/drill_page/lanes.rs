//! The lanes of a timeline: requests, latency, roles and events over one axis of time.
//!
//! Knows where on a lane something is drawn. Which lanes there are, and where they are, is the timeline's.

use std::collections::BTreeMap;

use shardform::cluster::drill::report::{DrillEvent, Outage, RoleChange, Traffic};

use super::bins::{Bin, Bins};
use super::element::{Element, rounded};
use super::scale::Scale;
use super::words;
use crate::view::cut;

/// Columns of a lane of 1,000 units.
const COLUMNS: f64 = 160.0;
/// Width of a character of the drawing's small text, rather more than less.
pub const CHARACTER: f64 = 6.9;
/// The same where it is bold.
pub const BOLD: f64 = 7.8;
/// Height of a lane's title.
pub const TITLE: f64 = 18.0;
/// Height of the lanes of requests.
const REQUESTS: f64 = 48.0;
const LATENCY: f64 = 76.0;
/// Between two lines of the scale of latencies that are named.
const NAMED: f64 = 25.0;
const ROLE: f64 = 20.0;
const EVENT: f64 = 20.0;
/// What failed is always to be seen, however little it is.
const LEAST: f64 = 3.0;
/// Events that one marker tells when it is pointed at.
const EVENTS_TOLD: usize = 5;

/// A lane, drawn from its own upper edge on.
pub struct Lane {
    /// What it is, for programs.
    pub kind: &'static str,
    /// What it is, for people.
    pub title: String,
    /// What else there is to say of it, at the right.
    pub remark: String,
    /// Height without the title.
    pub height: f64,
    /// What is drawn.
    pub body: Vec<Element>,
    /// Text on it, above all that is drawn.
    pub words: Vec<Element>,
}

/// Where and against what lanes are drawn.
#[derive(Clone, Copy)]
pub struct Canvas {
    /// From moments to places.
    pub scale: Scale,
    /// The moment that all times are told against.
    pub zero_ms: u64,
    /// Whether all of the drill is drawn: then what was told of other times is at the edges.
    pub is_whole: bool,
}

impl Canvas {
    fn width(&self) -> f64 {
        self.scale.right - self.scale.left
    }

    fn bins(&self, traffic: &Traffic) -> Bins {
        Bins::of(traffic, self.scale.stretch, COLUMNS * self.width() / 1000.0)
    }

    /// A moment of the drill as people read it, against zero.
    fn told(&self, at_ms: f64) -> String {
        words::since_call((at_ms - self.zero_ms as f64).round() as i64)
    }

    /// Requests that succeeded and that failed, and the times in which none succeeded.
    pub fn requests(&self, kind: &'static str, title: String, traffic: &Traffic) -> Lane {
        let bins = self.bins(traffic);
        let shown: Vec<&Outage> = traffic.outages.iter().filter(|outage| self.is_shown(outage)).collect();
        let mut body: Vec<Element> = self.seen(&shown).map(|outage| self.band(outage)).collect();
        body.push(Element::classed("path", "succeeded").with("d", self.heights(&bins)));
        body.extend(bins.bins.iter().filter(|bin| bin.failed > 0).map(|bin| self.failed(&bins, bin)));
        let is_empty = bins.bins.is_empty();
        let nothing = (is_empty && shown.is_empty()).then(|| self.centered("nothing was sent"));
        let words = self.outage_labels(&shown).into_iter().chain(nothing).collect();
        let rate = format!("up to {}/s", words::grouped(bins.highest_rate().round() as u64));
        let remark = if is_empty { String::new() } else { rate };
        Lane { kind, title, remark, height: REQUESTS, body, words }
    }

    fn centered(&self, text: &str) -> Element {
        label(self.scale.left + self.width() / 2.0, REQUESTS / 2.0 + 4.0, text).with("text-anchor", "middle")
    }

    fn is_shown(&self, outage: &Outage) -> bool {
        outage.to_ms as f64 >= self.scale.stretch.from_ms && outage.from_ms as f64 <= self.scale.stretch.to_ms
    }

    /// Outages without the short ones that nobody could tell from the one before.
    fn seen<'a, 'b>(&self, outages: &'b [&'a Outage]) -> impl Iterator<Item = &'a Outage> + use<'a, 'b> {
        let scale = self.scale;
        let mut drawn_until = f64::NEG_INFINITY;
        outages.iter().copied().filter(move |outage| {
            let until = scale.x(outage.to_ms as f64);
            let is_seen = until - drawn_until >= 1.0;
            if is_seen {
                drawn_until = until;
            }
            is_seen
        })
    }

    fn band(&self, outage: &Outage) -> Element {
        let (from, to) = (self.scale.x(outage.from_ms as f64), self.scale.x(outage.to_ms as f64));
        let title = format!(
            "none succeeded for {}, from {} to {}",
            words::exact(outage.length_ms()),
            self.told(outage.from_ms as f64),
            self.told(outage.to_ms as f64)
        );
        let place = [("x", from), ("y", 0.0), ("width", (to - from).max(2.0)), ("height", REQUESTS)];
        Element::classed("rect", "outage").at(&place).child(Element::of_text("title", title))
    }

    /// Lengths of outages, the longest first, as far as they don't cover each other.
    fn outage_labels(&self, outages: &[&Outage]) -> Vec<Element> {
        let mut longest = outages.to_vec();
        longest.sort_by_key(|outage| std::cmp::Reverse(outage.length_ms()));
        let mut taken: Vec<(f64, f64)> = Vec::new();
        let mut labels = Vec::new();
        for outage in longest.into_iter().take(20) {
            let text = words::span(outage.length_ms());
            let half = text.chars().count() as f64 * CHARACTER / 2.0 + 3.0;
            let middle = (self.scale.x(outage.from_ms as f64) + self.scale.x(outage.to_ms as f64)) / 2.0;
            let middle = middle.clamp(self.scale.left + half, (self.scale.right - half).max(self.scale.left + half));
            let (from, to) = (middle - half, middle + half);
            if taken.iter().all(|&(start, end)| to < start || from > end) {
                taken.push((from, to));
                labels.push(label(middle, REQUESTS / 2.0 + 4.0, &text).with("text-anchor", "middle"));
            }
        }
        labels
    }

    /// The outline of what succeeded: one path for all columns that touch each other.
    fn heights(&self, bins: &Bins) -> String {
        let mut path = String::new();
        let mut open_until = None;
        for bin in &bins.bins {
            let (from, to) = self.sides(bins, bin);
            if open_until != Some(bin.at_ms) {
                if open_until.is_some() {
                    path.push_str(&format!("V{}Z", rounded(REQUESTS)));
                }
                path.push_str(&format!("M{} {}", rounded(from), rounded(REQUESTS)));
            }
            let top = REQUESTS - height(bins, bin, bin.succeeded);
            path.push_str(&format!("V{}H{}", rounded(top), rounded(to)));
            open_until = Some(bin.at_ms + bins.width_ms);
        }
        if open_until.is_some() {
            path.push_str(&format!("V{}Z", rounded(REQUESTS)));
        }
        path
    }

    fn sides(&self, bins: &Bins, bin: &Bin) -> (f64, f64) {
        (self.scale.x(bin.at_ms), self.scale.x(bin.at_ms + bins.width_ms))
    }

    fn failed(&self, bins: &Bins, bin: &Bin) -> Element {
        let (from, to) = self.sides(bins, bin);
        let tall = height(bins, bin, bin.failed).max(LEAST);
        let bottom = (REQUESTS - height(bins, bin, bin.succeeded)).max(tall);
        let title = format!(
            "{} to {}: {} failed, {} succeeded",
            self.told(bin.at_ms),
            self.told(bin.at_ms + bins.width_ms),
            words::grouped(bin.failed),
            words::grouped(bin.succeeded)
        );
        let place = [("x", from), ("y", bottom - tall), ("width", (to - from).max(1.0)), ("height", tall)];
        Element::classed("rect", "failed").at(&place).child(Element::of_text("title", title))
    }

    /// The slowest answer of each column, on a logarithmic scale; `None`: there was no answer.
    pub fn latency(&self, writes: &Traffic, reads: &Traffic) -> Option<Lane> {
        let both = [("writes", self.bins(writes)), ("reads", self.bins(reads))];
        let times = both.iter().flat_map(|(_, bins)| &bins.bins).map(|bin| bin.slowest_us).filter(|time| *time > 0);
        let (slowest, fastest) = (times.clone().max()?, times.min()?);
        let decades = Decades::of(fastest, slowest);
        let mut body: Vec<Element> = decades.numbers().map(|decade| self.decade(&decades, decade)).collect();
        for (kind, bins) in &both {
            let path = Element::classed("path", &format!("latency {kind}"));
            body.push(path.with("d", self.line(bins, &decades)));
        }
        let named = decades.numbers().rev().step_by(decades.step());
        let words = named.map(|decade| self.decade_name(&decades, decade)).collect();
        let title = "Slowest answer (reads dotted)".to_owned();
        Some(Lane { kind: "latency", title, remark: words::latency(slowest), height: LATENCY, body, words })
    }

    fn decade_name(&self, decades: &Decades, decade: u32) -> Element {
        let text = words::latency(10_u64.saturating_pow(decade)).replace(".0", "");
        label(self.scale.left + 3.0, decades.y(10_f64.powi(decade as i32)) - 3.0, &text)
    }

    fn decade(&self, decades: &Decades, decade: u32) -> Element {
        let y = decades.y(10_f64.powi(decade as i32));
        Element::classed("line", "grid").at(&[("x1", self.scale.left), ("y1", y), ("x2", self.scale.right), ("y2", y)])
    }

    fn line(&self, bins: &Bins, decades: &Decades) -> String {
        let mut path = String::new();
        let mut open_until = None;
        for bin in bins.bins.iter().filter(|bin| bin.slowest_us > 0) {
            let (from, to) = self.sides(bins, bin);
            let y = rounded(decades.y(bin.slowest_us as f64));
            let begin = if open_until == Some(bin.at_ms) { format!("V{y}") } else { format!("M{} {y}", rounded(from)) };
            path.push_str(&format!("{begin}H{}", rounded(to)));
            open_until = Some(bin.at_ms + bins.width_ms);
        }
        path
    }

    /// One lane for each node, with what it was and when.
    pub fn roles(&self, roles: &[RoleChange], until_ms: f64) -> Vec<Lane> {
        let mut nodes: BTreeMap<&str, Vec<&RoleChange>> = BTreeMap::new();
        for change in roles {
            nodes.entry(words::name(&change.node)).or_default().push(change);
        }
        nodes.into_values().map(|changes| self.role(changes, until_ms)).collect()
    }

    fn role(&self, mut changes: Vec<&RoleChange>, until_ms: f64) -> Lane {
        changes.sort_by_key(|change| change.at_ms);
        let nexts = changes.iter().skip(1).map(|change| change.at_ms as f64).chain([until_ms]);
        let segments: Vec<_> =
            changes.iter().zip(nexts).filter(|(change, next)| self.is_drawn(change, *next)).collect();
        let body = segments.iter().map(|(change, next)| self.segment(change, *next)).collect();
        let words = segments.iter().filter_map(|(change, next)| self.word(change, *next)).collect();
        let node = changes.last().map(|change| change.node.clone()).unwrap_or_default();
        let remark = cut(&node.zone, (self.width() / CHARACTER / 3.0) as usize);
        Lane { kind: "role", title: words::name(&node).to_owned(), remark, height: ROLE, body, words }
    }

    fn is_drawn(&self, change: &RoleChange, until_ms: f64) -> bool {
        until_ms >= self.scale.stretch.from_ms && change.at_ms as f64 <= self.scale.stretch.to_ms
    }

    /// A time in one role.
    fn segment(&self, change: &RoleChange, until_ms: f64) -> Element {
        let from_ms = change.at_ms as f64;
        let (from, to) = (self.scale.x(from_ms), self.scale.x(until_ms));
        let role = words::role(change.role);
        let title = format!("{role} from {} to {}", self.told(from_ms), self.told(until_ms));
        let place = [("x", from), ("y", 0.0), ("width", (to - from).max(1.5)), ("height", ROLE)];
        Element::classed("rect", &format!("role {role}")).at(&place).child(Element::of_text("title", title))
    }

    /// The role in a word, where there is room for it.
    fn word(&self, change: &RoleChange, until_ms: f64) -> Option<Element> {
        let (from, to) = (self.scale.x(change.at_ms as f64), self.scale.x(until_ms));
        let role = words::role(change.role);
        let fits = role.chars().count() as f64 * CHARACTER + 8.0 <= to - from;
        let place = [("x", from + 5.0), ("y", ROLE - 6.0)];
        fits.then(|| Element::classed("text", &format!("word {role}")).at(&place).text(role))
    }

    /// Markers with the numbers of events, which are in the order of time; those without room of their own share one.
    pub fn events(&self, events: &[&DrillEvent]) -> Lane {
        let mut markers: Vec<Marker> = Vec::new();
        for (number, event) in events.iter().enumerate() {
            let at_ms = event.at_ms as f64;
            if self.is_whole || self.scale.stretch.has(at_ms) {
                markers.push(Marker { first: number, last: number, x: self.scale.x(at_ms) });
                self.share(&mut markers);
            }
        }
        let words = markers.iter().flat_map(|marker| self.marker(marker, events)).collect();
        let title = "Events, by number".to_owned();
        Lane { kind: "events", title, remark: String::new(), height: EVENT, body: Vec::new(), words }
    }

    /// Puts the last markers together for as long as they cover each other.
    fn share(&self, markers: &mut Vec<Marker>) {
        while let [.., before, last] = markers.as_mut_slice() {
            if self.left(last) >= self.left(before) + before.width() + 2.0 {
                break;
            }
            before.last = last.last;
            markers.pop();
        }
    }

    fn left(&self, marker: &Marker) -> f64 {
        (marker.x - 9.0).clamp(self.scale.left, (self.scale.right - marker.width()).max(self.scale.left))
    }

    fn marker(&self, marker: &Marker, events: &[&DrillEvent]) -> Vec<Element> {
        let (left, width) = (self.left(marker), marker.width());
        let own = events.get(marker.first..=marker.last).unwrap_or_default();
        let told = |event: &&DrillEvent| format!("{} {}", self.told(event.at_ms as f64), event.message);
        let mut titles: Vec<String> = own.iter().take(EVENTS_TOLD).map(told).collect();
        titles.extend((own.len() > EVENTS_TOLD).then(|| format!("and {} more", own.len() - EVENTS_TOLD)));
        let place = [("x", left), ("y", 1.0), ("width", width), ("height", EVENT - 2.0), ("rx", 9.0)];
        let title = Element::of_text("title", titles.join("; "));
        let number = Element::classed("text", "number").at(&[("x", left + width / 2.0), ("y", EVENT - 6.0)]);
        vec![
            Element::classed("rect", "marker").at(&place).child(title),
            number.with("text-anchor", "middle").text(marker.text()),
        ]
    }
}

/// One marker for the events `first` to `last` (from 0 on).
struct Marker {
    first: usize,
    last: usize,
    x: f64,
}

impl Marker {
    fn text(&self) -> String {
        if self.first == self.last {
            (self.first + 1).to_string()
        } else {
            format!("{}–{}", self.first + 1, self.last + 1)
        }
    }

    fn width(&self) -> f64 {
        (self.text().chars().count() as f64 * CHARACTER + 8.0).max(18.0)
    }
}

/// A logarithmic scale of microseconds over whole powers of ten.
struct Decades {
    from: u32,
    to: u32,
}

impl Decades {
    fn of(fastest_us: u64, slowest_us: u64) -> Self {
        let from = fastest_us.max(1).ilog10();
        Decades { from, to: slowest_us.max(1).ilog10().max(from) + 1 }
    }

    fn numbers(&self) -> std::ops::Range<u32> {
        self.from..self.to
    }

    /// So many lines further is the next that has room for a name.
    fn step(&self) -> usize {
        let distance = LATENCY / f64::from(self.to - self.from);
        (NAMED / distance).ceil().max(1.0) as usize
    }

    fn y(&self, time_us: f64) -> f64 {
        let part = (time_us.max(1.0).log10() - f64::from(self.from)) / f64::from(self.to - self.from);
        LATENCY * (1.0 - part.clamp(0.0, 1.0))
    }
}

fn height(bins: &Bins, bin: &Bin, requests: u64) -> f64 {
    let highest = bins.highest_rate();
    // The highest column doesn't touch the lane's edge.
    if highest > 0.0 { (REQUESTS - 4.0) * bin.rate(requests) / highest } else { 0.0 }
}

/// Small text that is readable on all that may be below it.
pub fn label(x: f64, y: f64, text: &str) -> Element {
    Element::classed("text", "label").at(&[("x", x), ("y", y)]).text(text)
}
