//! From text to [`Spec`], or to everything that is wrong with it.
//!
//! The way of a plan file: `tree` reads the YAML, `interpolate` replaces `${NAME}`, `sections` and `cluster` decode
//! the tree field by field, `rules` looks at the fields together. All of them add to one list of problems, and go on.
//! Positions are asked of `locate` only when a problem is shown. Knows no files and no environment: both are arguments.

mod cluster;
mod decode;
pub(crate) mod fields;
mod interpolate;
mod locate;
mod node_groups;
mod problems;
mod rules;
mod sections;
mod show;
mod syntax;
mod tree;
mod values;
mod windows;

#[cfg(test)]
mod tests;

use super::Spec;
use problems::Problems;
use tree::Node;

/// Where something stands in the plan file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
}

/// One thing that is wrong with a plan file. Its `Display` is what a compiler would print: `file:line:column:`, what is
/// wrong, the line itself with a mark below, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file's name as the user gave it.
    pub file: String,
    /// Where.
    pub at: Located,
    /// The line itself, without its end. A value that may be a secret is replaced by `…`.
    pub source_line: String,
    /// What is wrong.
    pub message: String,
    /// What is allowed, or the nearest known name.
    pub hint: Option<String>,
}

/// What reading needs beside the text.
pub struct ReadOptions<'a> {
    /// The value of `${NAME}`: `--set` first, then the environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

/// A plan file that was read: its content, and where each part of it stands.
#[derive(Clone, Debug)]
pub struct PlanFile {
    /// The file's name as the user gave it.
    pub file: String,
    /// What it says.
    pub spec: Spec,
    text: String,
    root: Node,
}

impl PlanFile {
    /// Where `path` (such as `cluster.shards` or `cluster.node_groups[0].slots`) stands, or the nearest of its parents
    /// that the file has.
    pub fn locate(&self, path: &str) -> Located {
        let (found, _) = self.root.find(path);
        locate::locate(&self.text, &found, locate::Side::Key)
    }
}

/// Reads a plan file.
///
/// # Errors
/// Everything that is wrong with it, in the order of its lines.
pub fn read(file: &str, text: &str, options: &ReadOptions<'_>) -> Result<PlanFile, Vec<Problem>> {
    // A byte order mark is no character of the first line.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root = syntax::parse(text).map_err(|found| vec![problems::of_syntax(file, text, found)])?;
    let mut problems = Problems::default();
    let root = tree::merged(root, &mut problems);
    let root = interpolate::interpolated(root, options, &mut problems);
    let spec = sections::plan(&root, &mut problems);
    let found = match spec {
        Some(spec) => {
            rules::check(&spec, &root, &mut problems);
            if problems.is_empty() {
                return Ok(PlanFile { file: file.to_owned(), spec, text: text.to_owned(), root });
            }
            problems
        }
        None => problems,
    };
    Err(found.located(file, text))
}
