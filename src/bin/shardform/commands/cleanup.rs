//! `cleanup`: deletes the stacks whose time is over.

use serde_json::json;
use shardform::aws::AwsCloud;
use shardform::lifetime::in_units;
use shardform::stacks::{Choice, Stack, Why};

use super::list::{nothing, tell_of_refusals};
use super::{Context, block_on};
use crate::account::{self, Account};
use crate::args::Cleanup;
use crate::cleaning::{Cleaning, Doomed};
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::session::{now_s, quoted};
use crate::survey::Survey;
use crate::view::stacks::{StackRow, doomed, refused};

pub(super) fn run(args: &Cleanup, context: &Context) -> Result<u8, Error> {
    let result = block_on(async |interrupt: Interrupt| cleanup(args, context, &interrupt).await);
    match result {
        Err(error) if context.terminal.json && !matches!(error, Error::Told(_)) => {
            let end = json!({ "event": "end", "exit_code": error.exit_code(), "error": error.to_json() });
            context.terminal.print_json(&end)?;
            Err(error.told())
        }
        result => result,
    }
}

async fn cleanup(args: &Cleanup, context: &Context<'_>, interrupt: &Interrupt) -> Result<u8, Error> {
    let terminal = context.terminal;
    let choice = Choice {
        now_s: now_s(),
        older_than_s: args.older_than.map(|age| age.as_secs()),
        tags: args.tag.iter().cloned().collect(),
    };
    let work = async {
        let account = Account::named(context.global, context.environment, terminal).await?;
        let cloud = AwsCloud::connect(account.options(None, "")).await.map_err(Error::Cloud)?;
        let mut survey = Survey::take(cloud, args.all_regions).await?;
        let chosen = survey.choose(&choice).await;
        Ok((survey, chosen))
    };
    let (survey, chosen) = interrupt.leaving(work).await?;
    show(args, &survey, &chosen, choice.now_s, context)?;
    let again = again(args, context);
    if chosen.is_empty() {
        return end_without_deleting(context, "");
    }
    if !args.yes {
        if !terminal.can_ask() || terminal.json {
            return end_without_deleting(context, &format!("\nnothing was deleted; to delete them: {again}"));
        }
        let question = format!("\nDelete {}, with their data? [y/N]", crate::view::count(chosen.len(), "stack"));
        let answer = interrupt.leaving(async { Ok(terminal.ask(&question).await) }).await?;
        if !answer {
            return Err(Error::Declined);
        }
    }
    let all = chosen.into_iter().map(|(cloud, stack, why)| Doomed { cloud, stack, why }).collect();
    let cleaning = Cleaning { timeout: args.timeout, several_regions: args.all_regions, again };
    cleaning.carry_out(all, interrupt, terminal).await
}

fn show(
    args: &Cleanup,
    survey: &Survey,
    chosen: &[(AwsCloud, Stack, Why)],
    now_s: u64,
    context: &Context,
) -> Result<(), Error> {
    let terminal = context.terminal;
    if terminal.json {
        let stacks: Vec<StackRow> =
            chosen.iter().map(|(_, stack, why)| StackRow::new(stack, Some(*why), now_s)).collect();
        let refused_regions = refused(&survey.refused);
        return terminal
            .print_json(&json!({ "event": "cleanup", "stacks": stacks, "refused_regions": refused_regions }));
    }
    let all = survey.stacks().count();
    if all == 0 {
        terminal.print(&nothing(survey))?;
    } else if chosen.is_empty() {
        let none = if args.older_than.is_some() || !args.tag.is_empty() { "is to be deleted" } else { "has expired" };
        terminal.print(&format!("none of {} {none}", crate::view::count(all, "stack")))?;
    } else {
        let rows: Vec<(&Stack, Why)> = chosen.iter().map(|(_, stack, why)| (stack, *why)).collect();
        let text = doomed(&rows, args.all_regions, now_s, terminal.paint);
        terminal.print(&format!("To be deleted, with their data:\n\n{text}"))?;
    }
    tell_of_refusals(survey, context);
    Ok(())
}

fn end_without_deleting(context: &Context, sentence: &str) -> Result<u8, Error> {
    if context.terminal.json {
        context.terminal.print_json(&json!({ "event": "end", "exit_code": 0, "deleted": [] }))?;
    } else if !sentence.is_empty() {
        context.terminal.print(sentence)?;
    }
    Ok(0)
}

/// The command that deletes the same without asking.
fn again(args: &Cleanup, context: &Context) -> String {
    let mut words = account::words(context.global);
    let older = args.older_than.map(|age| ["--older-than".to_owned(), in_units(age.as_secs())]);
    words.extend(older.into_iter().flatten());
    for (key, value) in &args.tag {
        words.extend(["--tag".to_owned(), format!("{key}={value}")]);
    }
    if args.all_regions {
        words.push("--all-regions".to_owned());
    }
    words.push("--yes".to_owned());
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("shardform cleanup {}", words.join(" "))
}
