//! `init`: writes a plan file to start from.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use serde_json::json;
use shardform::templates::{TEMPLATES, Template};

use super::{Context, init_ci};
use crate::args::Init;
use crate::error::Error;
use crate::session::quoted;
use crate::terminal::Terminal;

/// The stack's name where neither `--name` nor the file gives one.
const DEFAULT_NAME: &str = "my-cluster";
/// File names that say nothing about the stack.
const GENERIC_STEMS: [&str; 3] = ["shardform", "plan", "stack"];
/// ElastiCache's limit for the replication group's id, which is the stack's name.
const LONGEST_NAME: usize = 40;

pub(super) fn run(args: &Init, context: &Context) -> Result<u8, Error> {
    let terminal = context.terminal;
    if args.list {
        return list(terminal);
    }
    if let Some(system) = args.ci {
        return init_ci::run(args, system.into(), context);
    }
    let template = match &args.template {
        None => TEMPLATES.first(),
        Some(name) => TEMPLATES.iter().find(|template| template.name == name),
    };
    let template = template.ok_or_else(|| Error::NoTemplate(args.template.clone().unwrap_or_default()))?;
    let name = match &args.name {
        Some(name) if stack_name(name).as_ref() == Some(&name.to_lowercase()) => name.to_lowercase(),
        Some(name) => return Err(Error::BadName(name.clone())),
        None => name_from_file(&args.file),
    };
    write(&args.file, &template.render(&name), args.force)?;
    told(&args.file, template, &name, terminal)?;
    Ok(0)
}

fn list(terminal: &Terminal) -> Result<u8, Error> {
    if terminal.json {
        let all = TEMPLATES.iter().map(|template| json!({ "name": template.name, "summary": template.summary }));
        terminal.print_document(&all.collect::<Vec<_>>())?;
        return Ok(0);
    }
    let width = TEMPLATES.iter().map(|template| template.name.len()).max().unwrap_or_default();
    for template in TEMPLATES {
        terminal.print(&format!("{:width$}  {}", template.name, template.summary))?;
    }
    Ok(0)
}

/// Never overwrites unless that is asked for, not even a file that appears at the same moment.
pub(super) fn write(file: &Path, text: &str, force: bool) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written = options.open(file).and_then(|mut open| open.write_all(text.as_bytes()));
    written.map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => Error::Exists(file.to_owned()),
        _ => Error::File { verb: "write", path: file.to_owned(), source },
    })
}

fn told(file: &Path, template: &Template, name: &str, terminal: &Terminal) -> Result<(), Error> {
    let shown = file.display().to_string();
    if terminal.json {
        return terminal.print_document(&json!({ "file": shown, "template": template.name, "stack": name }));
    }
    terminal.say(&format!("wrote {shown} (template {}, stack {name})\n", template.name))?;
    terminal.say(&terminal.paint.bold("Next:"))?;
    let word = quoted(&shown);
    let local = (format!("shardform apply {word} --local"), "try it on this machine, without AWS");
    let aws = (format!("shardform plan {word}"), "see what it would make on AWS");
    for (command, what) in template.runs_locally.then_some(local).into_iter().chain([aws]) {
        terminal.say(&format!("  {command:<44}  {what}"))?;
    }
    Ok(())
}

/// `day19.yaml` makes the stack `day19`.
fn name_from_file(file: &Path) -> String {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    // Of a name in another script too little would be left.
    let name = if GENERIC_STEMS.contains(&stem) || !stem.is_ascii() { None } else { stack_name(stem) };
    name.unwrap_or_else(|| DEFAULT_NAME.to_owned())
}

/// The nearest name that a stack can have: letters, digits and single hyphens, a letter first, no hyphen at the end.
fn stack_name(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let joined = words.collect::<Vec<_>>().join("-");
    let from_letter = joined.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    let cut: String = from_letter.chars().take(LONGEST_NAME).collect();
    let name = cut.trim_end_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_called_as_its_file() {
        assert_eq!(name_from_file(Path::new("plans/day19.yaml")), "day19");
        assert_eq!(name_from_file(Path::new("My Cluster_2.yaml")), "my-cluster-2");
        assert_eq!(name_from_file(Path::new("2026-test.yaml")), "test");
        assert_eq!(name_from_file(Path::new("shardform.yaml")), "my-cluster");
        assert_eq!(name_from_file(Path::new("42.yaml")), "my-cluster");
        assert_eq!(name_from_file(Path::new(&format!("{}-b.yaml", "a".repeat(39)))), "a".repeat(39));
    }
}
