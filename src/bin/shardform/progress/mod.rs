//! Reporters of the executor's events: drawn lines on a terminal, plain lines elsewhere, JSON lines for programs.
//!
//! Knows indicatif, alone. All of them consume the same events; none decides anything, and none fails the work: what
//! can't be written is let go.

mod board;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use shardform::event::Event;
use shardform::resource::Address;
use shardform::steps::StepGraph;

use self::board::{ADDRESS_WIDTH, Board, News, State};
use crate::terminal::{Paint, Terminal, Volume};
use crate::view::json::StepEvent;
use crate::view::{cut, duration, padded, symbol};

/// Columns of a drawn line beside its text: margins, sign, address, mark and time, and some to spare.
const BESIDE_TEXT: usize = ADDRESS_WIDTH + 24;

/// Who tells of events.
pub enum Reporter {
    /// Nobody.
    Quiet,
    /// A line an event.
    Plain(Board),
    /// A line a resource, drawn anew.
    Drawn(Board, Drawn),
    /// A JSON value a line.
    Json,
}

impl Reporter {
    /// The reporter for this terminal.
    pub fn new(graph: &StepGraph, terminal: &Terminal) -> Self {
        let board = Board::new(graph, terminal.is_verbose());
        match terminal {
            _ if terminal.json => Reporter::Json,
            _ if terminal.volume == Volume::Quiet => Reporter::Quiet,
            _ if terminal.animated => {
                let drawn = Drawn::new(&board, terminal.paint);
                Reporter::Drawn(board, drawn)
            }
            _ => Reporter::Plain(board),
        }
    }

    /// Tells of one event.
    pub fn on(&mut self, event: &Event) {
        match self {
            Reporter::Quiet => {}
            Reporter::Plain(board) => {
                if let Some(news) = board.news(event) {
                    write_line(&news.plain_line());
                }
            }
            Reporter::Drawn(board, drawn) => {
                if let Some(news) = board.news(event) {
                    drawn.show(&news);
                }
            }
            Reporter::Json => {
                if let Ok(line) = serde_json::to_string(&StepEvent::new(event)) {
                    write_line(&line);
                }
            }
        }
    }

    /// Tells something that is no event.
    pub fn remark(&self, text: &str) {
        match self {
            Reporter::Drawn(_, drawn) => drawn.remark(text),
            Reporter::Plain(_) | Reporter::Quiet | Reporter::Json => {
                let _ = writeln!(std::io::stderr().lock(), "{text}");
            }
        }
    }

    /// Leaves the lines as they are.
    pub fn finish(&self) {
        if let Reporter::Drawn(_, drawn) = self {
            drawn.finish();
        }
    }
}

fn write_line(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The lines on a terminal.
pub struct Drawn {
    lines: MultiProgress,
    bars: BTreeMap<Address, ProgressBar>,
    paint: Paint,
}

impl Drawn {
    fn new(board: &Board, paint: Paint) -> Self {
        let lines = MultiProgress::new();
        let mut bars = BTreeMap::new();
        for (address, action) in board.resources() {
            let bar = lines.add(ProgressBar::new_spinner());
            bar.set_style(style("  {prefix}  {msg}"));
            let name = padded(address.as_str(), ADDRESS_WIDTH);
            bar.set_prefix(format!("{} {name}", symbol(action, paint)));
            bar.set_message(paint.dim("…"));
            bar.tick();
            bars.insert(address, bar);
        }
        Drawn { lines, bars, paint }
    }

    fn show(&self, news: &News) {
        let Some(bar) = self.bars.get(&news.address) else {
            return;
        };
        let took = duration(news.since);
        // Lines never reach the edge: what the terminal itself echoes (a Ctrl-C) would break them and misplace the rest.
        let text = cut(&news.text, self.paint.width.saturating_sub(BESIDE_TEXT));
        let ended = |mark: String, text: String| {
            bar.set_style(style("  {prefix}  {msg}"));
            bar.finish_with_message(format!("{mark} {text}"));
        };
        match news.state {
            State::Moving => {
                bar.set_message(text);
                if news.since.is_zero() {
                    bar.reset_elapsed();
                    bar.set_style(style("  {prefix}  {spinner} {took}  {msg}"));
                    bar.enable_steady_tick(Duration::from_millis(120));
                }
            }
            State::Done => ended(self.paint.green("✓"), format!("{took:>7}  {text}")),
            State::Failed => ended(self.paint.red("✗"), format!("{took:>7}  {text}")),
            State::NotDone => ended(self.paint.dim("-"), text),
        }
    }

    fn remark(&self, text: &str) {
        let _ = self.lines.println(text);
    }

    fn finish(&self) {
        for bar in self.bars.values().filter(|bar| !bar.is_finished()) {
            bar.abandon();
        }
    }
}

/// The templates are constants and right, so the fallback is never seen.
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_spinner()).tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ").with_key(
        "took",
        |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = write!(out, "{:>7}", duration(state.elapsed()));
        },
    )
}
