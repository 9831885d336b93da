//! The drawing of one shard's drill: its lanes below each other, on one axis of time, with the moments that matter.

use super::element::{Element, rounded};
use super::lanes::{BOLD, CHARACTER, Canvas, Lane, TITLE, label};
use super::scale::{Scale, Stretch};
use super::shard::Shard;
use super::words;
use crate::view::cut;

/// Space at the left and the right of the lanes.
const MARGIN: f64 = 6.0;
/// Between two lanes.
const GAP: f64 = 10.0;
/// A row of the moments' names.
const ROW: f64 = 17.0;
/// The axis below the lanes.
const AXIS: f64 = 36.0;

/// A drawing's width in units, for which its text has a size that can be read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// For screens and paper.
    Wide,
    /// For telephones.
    Narrow,
}

impl Size {
    fn width(self) -> f64 {
        match self {
            Size::Wide => 1000.0,
            Size::Narrow => 340.0,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Size::Wide => "wide",
            Size::Narrow => "narrow",
        }
    }
}

/// What a drawing shows.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// From when to when.
    pub stretch: Stretch,
    /// Whether that is all of the drill.
    pub is_whole: bool,
}

/// A figure: the drawing in both sizes, of which the style sheet shows the one that fits, and its caption.
pub fn figure(shard: &Shard, view: View, caption: &str) -> Element {
    let name = format!("Timeline of shard {}, {}", shard.drill.shard, caption.to_lowercase());
    let drawings = [Size::Wide, Size::Narrow].map(|size| {
        let class = format!("drawing {}", size.name());
        let drawing = drawing(shard, view, size);
        // What is wider than the screen is moved in its own box, with the keyboard too.
        Element::classed("div", &class)
            .with("tabindex", 0)
            .with("role", "group")
            .with("aria-label", &name)
            .child(drawing)
    });
    Element::new("figure").child(Element::new("figcaption").text(caption)).children(drawings)
}

/// One drawing.
fn drawing(shard: &Shard, view: View, size: Size) -> Element {
    let scale = Scale { stretch: view.stretch, left: MARGIN, right: size.width() - MARGIN };
    let canvas = Canvas { scale, zero_ms: shard.zero_ms(), is_whole: view.is_whole };
    let moments = moments(shard, &scale);
    let rows = moments.iter().map(|moment| moment.row + 1).max().unwrap_or(0);
    let top = rows as f64 * ROW + GAP;
    let lanes = lanes(shard, &canvas);
    let bottom = top + lanes.iter().map(|lane| TITLE + lane.height + GAP).sum::<f64>();
    let id = format!("drill-{}-{}-{}", shard.number, size.name(), if view.is_whole { "all" } else { "close" });
    let svg = Element::new("svg")
        .with("viewBox", format!("0 0 {} {}", size.width(), rounded(bottom + AXIS)))
        .with("role", "img")
        .with("aria-labelledby", format!("{id}-title {id}-desc"))
        .child(Element::new("title").with("id", format!("{id}-title")).text(title(shard, view)))
        .child(Element::new("desc").with("id", format!("{id}-desc")).text(description(shard)))
        .child(grid(&scale, shard, top, bottom));
    let (bodies, words) = placed(lanes, &scale, top);
    let (lines, names) = moment_marks(&moments, bottom);
    svg.children(bodies).children(lines).children(words).children(names)
}

fn title(shard: &Shard, view: View) -> String {
    let part = if view.is_whole { "" } else { ", around the failover" };
    format!("Timeline of shard {}{part}", shard.drill.shard)
}

/// What the drawing shows, for those who can't see it; the tables say it in full.
fn description(shard: &Shard) -> String {
    let drill = shard.drill;
    let kinds = "Lanes: requests that succeeded and failed, the slowest answers, each node's role, events.";
    let reads = words::failed_for(&drill.reads, drill.ended_ms);
    format!("{}. Reads failed for: {reads}. {kinds} The tables below have all of it in figures.", words::result(drill))
}

fn lanes(shard: &Shard, canvas: &Canvas) -> Vec<Lane> {
    let drill = shard.drill;
    let mut lanes = vec![
        canvas.requests("writes", format!("Writes to shard {}", drill.shard), &drill.writes),
        canvas.requests("reads", format!("Reads from shard {}", drill.shard), &drill.reads),
    ];
    lanes.extend(canvas.latency(&drill.writes, &drill.reads));
    lanes.extend(canvas.roles(&drill.roles, drill.ended_ms as f64));
    lanes.push(canvas.events(&shard.events));
    if let Some(other) = &drill.bystander {
        let title = |what: &str| format!("Other shard {}: {what}", other.shard);
        lanes.push(canvas.requests("bystander-writes", title("writes"), &other.writes));
        lanes.push(canvas.requests("bystander-reads", title("reads"), &other.reads));
    }
    lanes
}

/// Each lane at its place below the one before; apart from that their texts, which come above all else.
fn placed(lanes: Vec<Lane>, scale: &Scale, top: f64) -> (Vec<Element>, Vec<Element>) {
    let mut y = top;
    let (mut bodies, mut words) = (Vec::new(), Vec::new());
    for lane in lanes {
        let place = |class: &str, y: f64| {
            Element::classed("g", class).with("transform", format!("translate(0 {})", rounded(y)))
        };
        let floor = [("x1", scale.left), ("y1", lane.height), ("x2", scale.right), ("y2", lane.height)];
        let floor = Element::classed("line", "floor").at(&floor);
        bodies.push(place("lane", y + TITLE).with("data-lane", lane.kind).child(floor).children(lane.body));
        words.push(lane_title(&lane.title, &lane.remark, scale, y + 13.0));
        words.push(place("words", y + TITLE).children(lane.words));
        y += TITLE + lane.height + GAP;
    }
    words.retain(|element| !element.is_empty());
    (bodies, words)
}

fn lane_title(title: &str, remark: &str, scale: &Scale, y: f64) -> Element {
    let room = scale.right - scale.left - (remark.chars().count() + 2) as f64 * CHARACTER;
    let title = cut(title, (room / BOLD) as usize);
    let remark = (!remark.is_empty()).then(|| label(scale.right, y, remark).with("text-anchor", "end"));
    Element::new("g").child(label(scale.left, y, &title).with("font-weight", 600)).children(remark)
}

/// The ticks, their names below, and what they are counted from.
fn grid(scale: &Scale, shard: &Shard, top: f64, bottom: f64) -> Element {
    let ticks = scale.ticks(shard.zero_ms() as f64);
    let lines = ticks.iter().map(|tick| {
        let x = scale.x(tick.at_ms);
        Element::classed("line", "grid").at(&[("x1", x), ("y1", top), ("x2", x), ("y2", bottom)])
    });
    let names = ticks.iter().map(|tick| {
        let half = tick.label.chars().count() as f64 * CHARACTER / 2.0 + MARGIN;
        let x = scale.x(tick.at_ms).clamp(half, scale.right + MARGIN - half);
        Element::classed("text", "tick")
            .at(&[("x", x), ("y", bottom + 13.0)])
            .with("text-anchor", "middle")
            .text(&tick.label)
    });
    let axis = if shard.was_called() { "time since the call" } else { "time since watching began" };
    let axis_name = Element::classed("text", "axis").at(&[("x", scale.right), ("y", bottom + 30.0)]);
    Element::classed("g", "axis").children(lines).children(names).child(axis_name.with("text-anchor", "end").text(axis))
}

/// A moment with its name at the top.
struct Moment {
    kind: &'static str,
    x: f64,
    text: String,
    /// Where the name is: from, to, and how it is anchored.
    from: f64,
    to: f64,
    anchor: &'static str,
    row: usize,
}

/// What happened when, each name in the first row in which it covers no other.
fn moments(shard: &Shard, scale: &Scale) -> Vec<Moment> {
    let mut placed: Vec<Moment> = Vec::new();
    for (kind, at_ms, text) in shard.moments() {
        if !scale.stretch.has(at_ms) {
            continue;
        }
        let x = scale.x(at_ms);
        let length = text.chars().count() as f64 * CHARACTER + 6.0;
        let is_right = x + length > scale.right;
        let (from, to) = if is_right { (x - length, x) } else { (x, x + length) };
        let covers = |row: usize, other: &Moment| other.row == row && from < other.to && to > other.from;
        let row = (0..).find(|row| !placed.iter().any(|other| covers(*row, other))).unwrap_or(0);
        let anchor = if is_right { "end" } else { "start" };
        placed.push(Moment { kind, x, text, from, to, anchor, row });
    }
    placed
}

/// The moments' lines, and their names.
fn moment_marks(moments: &[Moment], bottom: f64) -> (Vec<Element>, Vec<Element>) {
    let lines = moments.iter().map(|moment| {
        let place = [("x1", moment.x), ("y1", moment.row as f64 * ROW + 3.0), ("x2", moment.x), ("y2", bottom)];
        Element::classed("line", &format!("moment {}", moment.kind)).at(&place)
    });
    let names = moments.iter().map(|moment| {
        let x = if moment.anchor == "end" { moment.to - 4.0 } else { moment.from + 4.0 };
        label(x, moment.row as f64 * ROW + 13.0, &moment.text).with("text-anchor", moment.anchor)
    });
    (lines.collect(), names.collect())
}
