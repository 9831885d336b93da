//! No text names a command or an option that there isn't: every `shardform …` of the README, of docs/, of the CI job
//! files and of the help's examples is read by the parser itself. Nothing is run.

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::Args;

/// What a cluster is described as, and no command.
const DESCRIPTION: &str = "shardform stack NAME";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files of a folder with this ending.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == ending)).collect()
}

/// Every command line of a Markdown text: lines of code that begin with it, and code within a sentence.
fn of_markdown(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced || line.starts_with("    ") {
            found.extend(command(line.trim_start().trim_start_matches("$ ")));
        } else {
            let code = line.split('`').skip(1).step_by(2);
            found.extend(code.filter_map(command));
        }
    }
    found
}

/// Every command line of a job file's scripts; comments and the names of jobs aside.
fn of_jobs(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with('#') && !line.ends_with(':'));
    let mut found = Vec::new();
    for line in lines {
        let mut rest = line;
        for start in ["- ", "run: ", "endpoint=$(", ".shardform/bin/"] {
            rest = rest.strip_prefix(start).unwrap_or(rest);
        }
        found.extend(command(rest));
    }
    found
}

/// The command line that a text begins with, behind variables that are set for it, and up to where the shell goes on.
fn command(text: &str) -> Option<String> {
    let mut rest = text;
    while let Some((word, behind)) = rest.split_once(' ') {
        let is_variable =
            word.split_once('=').is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
        if !is_variable {
            break;
        }
        rest = behind;
    }
    // Behind a wide gap is what it does.
    let rest = rest.split("  ").next().unwrap_or_default();
    let known = rest.starts_with("shardform ") && rest != DESCRIPTION && !rest.contains('…') && !rest.contains("...");
    known.then(|| rest.to_owned())
}

/// The words as a shell reads them. Ends at a pipe, a redirection, a list's next command or a comment.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let ends = |word: &Option<String>, c: char| "|<>&;)".contains(c) || (c == '#' && word.is_none());
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None if ends(&word, c) => break,
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    // `2>` has left its number.
    let is_redirection = line.contains(" 2>") && words.last().is_some_and(|word| word == "2");
    if is_redirection {
        words.pop();
    }
    words
}

/// What the parser has against a command line.
fn complaint(line: &str) -> Option<String> {
    let words = words(line);
    // `[FILE]` and `a|b` are grammar, not a command line.
    if words.iter().any(|word| word.starts_with('[')) {
        return None;
    }
    let is_mention = words.len() == 2;
    let error = Args::command().try_get_matches_from(words).err()?;
    let is_fine = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
        // A sentence may speak of a command without its arguments.
        ErrorKind::MissingRequiredArgument => is_mention,
        _ => false,
    };
    (!is_fine).then(|| error.to_string())
}

fn check(place: &str, lines: &[String], at_least: usize) -> Vec<String> {
    assert!(lines.len() >= at_least, "{place}: only {lines:#?}");
    let wrong = lines.iter().filter_map(|line| Some(format!("{place}: {line}\n{}", complaint(line)?)));
    wrong.collect()
}

#[test]
fn every_command_of_the_texts_is_one() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let mut wrong = check("README.md", &of_markdown(&readme), 15);
    for file in files("docs", "md") {
        wrong.extend(check(&file.display().to_string(), &of_markdown(&fs::read_to_string(&file).unwrap()), 1));
    }
    for file in files("templates/ci", "yml") {
        let at_least = usize::from(!file.ends_with("gitlab-include.yml")) * 3;
        wrong.extend(check(&file.display().to_string(), &of_jobs(&fs::read_to_string(&file).unwrap()), at_least));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_example_of_the_help_is_a_command() {
    let program = Args::command();
    let all = program.get_subcommands().chain([&program]);
    let mut wrong = Vec::new();
    for subcommand in all {
        let examples = subcommand.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines: Vec<String> = examples.lines().map(str::trim_start).filter_map(command).collect();
        wrong.extend(check(subcommand.get_name(), &lines, 0));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn command_lines_are_found_and_read() {
    let found =
        of_markdown("a `shardform plan FILE` b\n```sh\nA_B=1 shardform apply x --yes 2>&1 | cat # c\nls\n```\n");
    assert_eq!(found, ["shardform plan FILE", "shardform apply x --yes 2>&1 | cat # c"].map(String::from));
    assert_eq!(words(&found[1]), ["shardform", "apply", "x", "--yes"]);
    assert_eq!(words("shardform init --set A=\"$B c\" x"), ["shardform", "init", "--set", "A=$B c", "x"]);
    assert!(complaint("shardform plan --no-such-option").is_some());
    assert!(complaint("shardform no-such-command").is_some());
    assert_eq!(complaint("shardform plan --help"), None);
}
