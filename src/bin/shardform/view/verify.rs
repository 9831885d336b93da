//! What `verify` found, for people and for programs.

use serde::Serialize;
use shardform::cluster::verify::{Checked, Finding, Report, Severity, Verdict};

use super::plan::Heading;
use super::{count, padded, printable};
use crate::error::{EXIT_DIFFERENT, EXIT_ERROR};
use crate::terminal::Paint;

/// Columns of the first word of a line.
const WORD: usize = 7;
/// Columns of a check's name.
const NAME: usize = 10;

/// The document of `verify --json`.
#[derive(Serialize)]
pub struct VerifyDocument<'a> {
    stack: &'a str,
    region: &'a str,
    account: Option<&'a str>,
    /// `ok`, `warnings` or `errors`.
    result: &'static str,
    /// What the program ends with.
    pub exit_code: u8,
    summary: Summary,
    checks: &'a [Checked],
}

#[derive(Clone, Copy, Serialize)]
struct Summary {
    errors: usize,
    warnings: usize,
    notes: usize,
}

/// Exit code by the worst: 0 nothing worse than a note, 2 only warnings, 1 an error.
fn outcome(worst: Option<Severity>) -> (&'static str, u8) {
    match worst {
        Some(Severity::Error) => ("errors", EXIT_ERROR),
        Some(Severity::Warning) => ("warnings", EXIT_DIFFERENT),
        Some(Severity::Note) | None => ("ok", 0),
    }
}

impl<'a> VerifyDocument<'a> {
    /// From the report.
    pub fn new(heading: &Heading<'a>, report: &'a Report) -> Self {
        let (result, exit_code) = outcome(report.worst());
        VerifyDocument {
            stack: heading.stack,
            region: heading.region,
            account: heading.account,
            result,
            exit_code,
            summary: Summary {
                errors: report.count(Severity::Error),
                warnings: report.count(Severity::Warning),
                notes: report.count(Severity::Note),
            },
            checks: &report.checks,
        }
    }

    /// For people: a line for each check, and what it found below it. `quiet`: only what is wrong.
    pub fn text(&self, quiet: bool, paint: Paint) -> String {
        let heading = Heading { stack: self.stack, region: self.region, account: self.account };
        let mut lines = if quiet { Vec::new() } else { vec![heading.text(paint), String::new()] };
        for checked in self.checks {
            let is_wrong = matches!(checked.verdict, Verdict::Failed { .. });
            if is_wrong || !quiet {
                lines.extend(check_lines(checked, paint));
            }
        }
        if !quiet {
            lines.push(String::new());
        }
        lines.push(self.summary.text(paint));
        lines.join("\n")
    }
}

impl Summary {
    fn text(self, paint: Paint) -> String {
        let all = [(self.errors, "error"), (self.warnings, "warning"), (self.notes, "note")];
        let some: Vec<String> =
            all.iter().filter(|(number, _)| *number > 0).map(|(number, noun)| count(*number, noun)).collect();
        let text = if some.is_empty() { "all is well".to_owned() } else { some.join(", ") };
        match (self.errors, self.warnings) {
            (0, 0) => paint.green(&text),
            (0, _) => paint.yellow(&text),
            _ => paint.red(&text),
        }
    }
}

fn check_lines(checked: &Checked, paint: Paint) -> Vec<String> {
    let name = padded(checked.check, NAME);
    let (word, rest) = match &checked.verdict {
        Verdict::Passed { seen, .. } => (paint.green(&padded("ok", WORD)), printable(seen)),
        Verdict::Skipped { reason } => (paint.dim(&padded("skipped", WORD)), paint.dim(&printable(reason))),
        Verdict::Failed { findings } => {
            let worst = findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Note);
            (colored(worst, &padded(&worst.to_string(), WORD), paint), count(findings.len(), "finding"))
        }
    };
    let mut lines = vec![format!("  {word}  {}  {rest}", paint.bold(&name))];
    lines.extend(checked.verdict.findings().iter().flat_map(|finding| finding_lines(finding, paint)));
    lines
}

fn finding_lines(finding: &Finding, paint: Paint) -> [String; 2] {
    let indent = " ".repeat(2 + WORD + 2);
    let severity = colored(finding.severity, &format!("{}:", finding.severity), paint);
    let (address, seen) = (finding.address.to_string(), printable(&finding.seen));
    [
        format!("{indent}{severity} {}: {seen}", printable(&address)),
        format!("{indent}  {} {}", paint.bold("hint:"), printable(&finding.next)),
    ]
}

/// The color only repeats what the word says.
pub fn colored(severity: Severity, text: &str, paint: Paint) -> String {
    match severity {
        Severity::Error => paint.red(text),
        Severity::Warning => paint.yellow(text),
        Severity::Note => paint.dim(text),
    }
}
