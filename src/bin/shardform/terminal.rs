//! Where text goes: standard output for what was asked for, standard error for all else; colors and widths.
//!
//! Knows the two streams and nothing of what is written. A reader that has gone away (`| head`) is no error.

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};

use console::Style;

use crate::args::Global;
use crate::environment::Environment;
use crate::error::Error;

/// Width of text that doesn't go to a terminal: nothing is cut there.
const WIDTH_ELSEWHERE: usize = 10_000;
/// The narrowest width that lines are cut for.
const NARROWEST: usize = 40;

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volume {
    /// Only what is asked for.
    Quiet,
    /// What people want to see.
    Normal,
    /// Also steps and reasons.
    Verbose,
}

/// Colors and width of one stream. All text keeps its meaning without color.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    /// Whether there are colors.
    pub color: bool,
    /// Columns.
    pub width: usize,
}

impl Paint {
    fn with(self, style: Style, text: &str) -> String {
        style.force_styling(self.color).apply_to(text).to_string()
    }

    /// For what comes to be.
    pub fn green(self, text: &str) -> String {
        self.with(Style::new().green(), text)
    }

    /// For what changes.
    pub fn yellow(self, text: &str) -> String {
        self.with(Style::new().yellow(), text)
    }

    /// For what goes, and for errors.
    pub fn red(self, text: &str) -> String {
        self.with(Style::new().red(), text)
    }

    /// For headings.
    pub fn bold(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    /// For what only accompanies.
    pub fn dim(self, text: &str) -> String {
        self.with(Style::new().dim(), text)
    }
}

/// The two streams.
pub struct Terminal {
    /// Whether standard output is for programs.
    pub json: bool,
    /// How much is said.
    pub volume: Volume,
    /// Colors and width of standard output.
    pub paint: Paint,
    /// Colors and width of standard error.
    pub error_paint: Paint,
    /// Whether lines can be drawn anew.
    pub animated: bool,
    /// Whether the reader of standard output has gone away.
    closed: Cell<bool>,
    /// Whether a first frame was drawn.
    drawn: Cell<bool>,
}

impl Terminal {
    /// Looks at the streams, the flags and the environment.
    pub fn new(global: &Global, environment: &Environment) -> Self {
        let out = console::Term::stdout();
        let err = console::Term::stderr();
        let dumb = environment.text("TERM") == Some("dumb");
        let plain = global.no_color || environment.filled("NO_COLOR").is_some() || dumb || global.json;
        let paint = |term: &console::Term| Paint {
            color: term.is_term() && !plain,
            width: term.size_checked().map_or(WIDTH_ELSEWHERE, |(_, columns)| usize::from(columns).max(NARROWEST)),
        };
        Terminal {
            json: global.json,
            volume: match (global.quiet, global.verbose) {
                (true, _) => Volume::Quiet,
                (false, true) => Volume::Verbose,
                (false, false) => Volume::Normal,
            },
            paint: paint(&out),
            error_paint: paint(&err),
            animated: out.is_term() && err.is_term() && !dumb && !global.json,
            closed: Cell::new(false),
            drawn: Cell::new(false),
        }
    }

    /// Whether steps and reasons are said.
    pub fn is_verbose(&self) -> bool {
        self.volume == Volume::Verbose
    }

    /// Writes what was asked for, and ends the line.
    pub fn print(&self, text: &str) -> Result<(), Error> {
        self.print_bytes(format!("{text}\n").as_bytes())
    }

    /// Writes bytes as they are.
    pub fn print_bytes(&self, bytes: &[u8]) -> Result<(), Error> {
        let mut out = io::stdout().lock();
        let written = out.write_all(bytes).and_then(|()| out.flush());
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed.set(true);
                Ok(())
            }
            Err(error) => Err(Error::Output(error)),
            Ok(()) => Ok(()),
        }
    }

    /// Shows a text in the place of the one before; where nothing can be drawn anew, after it and an empty line. On a
    /// terminal the lines that don't fit are left out.
    pub fn redraw(&self, text: &str) -> Result<(), Error> {
        if !self.animated {
            return self.print(&format!("{text}\n"));
        }
        let (rows, columns) = console::Term::stdout().size();
        let lines = text.lines().take(usize::from(rows).saturating_sub(1).max(1));
        let lines = lines.map(|line| console::truncate_str(line, usize::from(columns), "…").into_owned());
        // Home; each line with what was left of the old one cleared; then all below.
        let frame: String = lines.map(|line| format!("{line}\x1b[K\n")).collect();
        let first = if self.drawn.replace(true) { "" } else { "\x1b[2J" };
        let mut out = io::stdout().lock();
        match write!(out, "{first}\x1b[H{frame}\x1b[J").and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed.set(true);
                Ok(())
            }
            written => written.map_err(Error::Output),
        }
    }

    /// Whether nobody reads any more: what would go on writing for ever can end.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Writes what was asked for unless only the essence is.
    pub fn say(&self, text: &str) -> Result<(), Error> {
        if self.volume == Volume::Quiet || self.json {
            return Ok(());
        }
        self.print(text)
    }

    /// Writes one JSON value a line.
    pub fn print_json(&self, value: &impl serde::Serialize) -> Result<(), Error> {
        let text = serde_json::to_string(value).map_err(|error| Error::Output(error.into()))?;
        self.print(&text)
    }

    /// Writes a JSON document for programs and the people who look at it.
    pub fn print_document(&self, value: &impl serde::Serialize) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(value).map_err(|error| Error::Output(error.into()))?;
        self.print(&text)
    }

    /// Tells something beside the output, even to who asked for quiet. There is nobody to complain to if that fails.
    pub fn tell(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Tells something that only accompanies.
    pub fn mention(&self, text: &str) {
        if self.volume != Volume::Quiet {
            self.tell(&self.error_paint.dim(text));
        }
    }

    /// Whether somebody can be asked.
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks a question that only `yes` (or `y`) answers with yes.
    pub async fn ask(&self, question: &str) -> bool {
        let mut err = io::stderr();
        let _ = write!(err, "{question} ").and_then(|()| err.flush());
        // Reading blocks, and Ctrl-C must still be heard meanwhile.
        let answer = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            io::stdin().read_line(&mut line).map(|_| line)
        });
        let answer = answer.await.ok().and_then(Result::ok).unwrap_or_default();
        matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
    }
}
