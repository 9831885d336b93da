//! `list`: shows all stacks of the account.

use shardform::aws::AwsCloud;
use shardform::stacks::Stack;

use super::{Context, block_on};
use crate::account::Account;
use crate::args::List;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::session::now_s;
use crate::survey::Survey;
use crate::view::printable;
use crate::view::stacks::{ListDocument, table};

pub(super) fn run(args: &List, context: &Context) -> Result<u8, Error> {
    let (terminal, environment) = (context.terminal, context.environment);
    let survey = block_on(async |interrupt: Interrupt| {
        let work = async {
            let account = Account::named(context.global, environment, terminal).await?;
            let cloud = AwsCloud::connect(account.options(None, "")).await.map_err(Error::Cloud)?;
            Survey::take(cloud, args.all_regions).await
        };
        interrupt.leaving(work).await
    })?;
    let now_s = now_s();
    if terminal.json {
        terminal.print_document(&ListDocument::new(survey.stacks(), &survey.refused, now_s))?;
        return Ok(0);
    }
    let stacks: Vec<&Stack> = survey.stacks().collect();
    if stacks.is_empty() {
        terminal.print(&nothing(&survey))?;
    } else {
        terminal.print(&table(&stacks, args.all_regions, now_s, terminal.paint))?;
    }
    tell_of_refusals(&survey, context);
    Ok(0)
}

/// `there are no stacks in us-east-1`
pub(super) fn nothing(survey: &Survey) -> String {
    match survey.regions.as_slice() {
        [one] => format!("there are no stacks in {}", one.cloud.region()),
        several => format!("there are no stacks in {} regions", several.len()),
    }
}

/// Regions that have refused are told of, and are no reason to keep the rest back.
pub(super) fn tell_of_refusals(survey: &Survey, context: &Context) {
    for (region, error) in &survey.refused {
        context.terminal.tell(&format!("note: {region} was left out: {}", printable(&error.to_string())));
    }
}
