//! `init --ci`: writes CI job files to start from, and says what they need.

use std::fs;
use std::path::Path;

use serde_json::json;
use shardform::templates::ci::{CiFile, CiSystem, plan_file_path};

use super::Context;
use super::init::write;
use crate::args::Init;
use crate::error::Error;
use crate::terminal::Terminal;

pub(super) fn run(args: &Init, system: CiSystem, context: &Context) -> Result<u8, Error> {
    let plan_file = args.file.to_str().and_then(plan_file_path);
    let plan_file = plan_file.ok_or_else(|| Error::BadJobPath(args.file.clone()))?;
    let files = system.files(plan_file);
    // Looked at before the first is written, so that not half of them are there.
    let in_the_way = files.iter().find(|file| !file.keeps && !args.force && Path::new(file.path).exists());
    if let Some(file) = in_the_way {
        return Err(Error::JobFileExists(file.path.into()));
    }
    let (kept, written): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.keeps && Path::new(file.path).exists());
    for file in &written {
        put(file, args.force)?;
    }
    told(&Told { system, plan_file, written: &written, kept: &kept }, context.terminal)?;
    Ok(0)
}

fn put(file: &CiFile, force: bool) -> Result<(), Error> {
    let path = Path::new(file.path);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let made = fs::create_dir_all(folder);
        made.map_err(|source| Error::File { verb: "make", path: folder.to_owned(), source })?;
    }
    write(path, &file.text, force)
}

/// What there is to tell at the end.
struct Told<'a> {
    system: CiSystem,
    plan_file: &'a str,
    written: &'a [&'a CiFile],
    kept: &'a [&'a CiFile],
}

fn told(told: &Told, terminal: &Terminal) -> Result<(), Error> {
    let paths = |files: &[&CiFile]| files.iter().map(|file| file.path).collect::<Vec<_>>();
    if terminal.json {
        let variables = told.system.variables().iter().map(|(name, what)| json!({ "name": name, "what": what }));
        return terminal.print_document(&json!({
            "plan_file": told.plan_file,
            "written": paths(told.written),
            "kept": paths(told.kept),
            "variables": variables.collect::<Vec<_>>(),
        }));
    }
    let all = || told.written.iter().chain(told.kept);
    let width = all().map(|file| file.path.len()).max().unwrap_or_default();
    for file in told.written {
        terminal.say(&format!("wrote {:width$}  {}", file.path, file.summary))?;
    }
    for file in told.kept {
        terminal.say(&format!("kept  {:width$}  it was there already", file.path))?;
    }
    terminal.say(&format!("\n{}", terminal.paint.bold("Next:")))?;
    for line in next(told) {
        terminal.say(&format!("  {line}"))?;
    }
    Ok(())
}

/// What is left for people to do, in the order in which to do it.
fn next(told: &Told) -> Vec<String> {
    let mut lines = Vec::new();
    if !Path::new(told.plan_file).exists() {
        lines.push(format!("shardform init {}: there is no such plan file yet", told.plan_file));
    }
    if told.kept.iter().any(|file| file.path == ".gitlab-ci.yml") {
        lines.push("in .gitlab-ci.yml: include: [{local: .gitlab-ci.shardform.yml}]".to_owned());
    }
    let (provider, settings, protection) = match told.system {
        CiSystem::Github => (
            "token.actions.githubusercontent.com",
            "on GitHub, Settings > Secrets and variables > Actions > Variables:",
            "on GitHub, Settings > Environments: `production`, with reviewers if somebody is to agree to each apply",
        ),
        CiSystem::Gitlab => (
            "your GitLab instance",
            "on GitLab, Settings > CI/CD > Variables:",
            "on GitLab, Build > Pipeline schedules: one an hour, for the job `shardform cleanup`",
        ),
    };
    lines.push(format!("on AWS, IAM: an identity provider for {provider}, and the roles below that trust it"));
    lines.push(settings.to_owned());
    let width = told.system.variables().iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    lines.extend(told.system.variables().iter().map(|(name, what)| format!("  {name:width$}  {what}")));
    lines.push(protection.to_owned());
    lines.push(format!(
        "in {}, if it has a client host: `client.key_pair` with a key of yours; a runner forgets a generated one",
        told.plan_file
    ));
    lines
}
