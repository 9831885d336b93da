//! `plan`: shows what would change.

use super::{Context, block_on};
use crate::args::Plan;
use crate::error::{EXIT_DIFFERENT, Error};
use crate::interrupt::Interrupt;
use crate::session::{Intent, Picture, Session};
use crate::terminal::Volume;
use crate::view::json::PlanDocument;
use crate::view::plan::{Heading, summary, text};

pub(super) fn run(args: &Plan, context: &Context) -> Result<u8, Error> {
    let (terminal, environment) = (context.terminal, context.environment);
    let (session, picture) = block_on(async |interrupt: Interrupt| {
        let work = async {
            let session = Session::open(&args.plan_file, Intent::Apply, context.global, environment, terminal).await?;
            let picture = session.picture(Intent::Apply).await?;
            Ok((session, picture))
        };
        interrupt.leaving(work).await
    })?;
    let set = &picture.changes;
    let refused = (!set.refusals.is_empty()).then(|| session.refused(&set.refusals));
    show(&session, &picture, refused.as_ref(), context)?;
    match refused {
        Some(error) if terminal.json => Err(error.told()),
        Some(error) => Err(error),
        None if args.detailed_exitcode && !set.is_empty() => Ok(EXIT_DIFFERENT),
        None => Ok(0),
    }
}

fn show(session: &Session, picture: &Picture, refused: Option<&Error>, context: &Context) -> Result<(), Error> {
    let terminal = context.terminal;
    if terminal.json {
        let mut document = PlanDocument::new(session.stack(), &session.region, picture);
        document.error = refused.map(Error::to_json);
        return terminal.print_document(&document);
    }
    if terminal.volume == Volume::Quiet {
        return terminal.print(&summary(&picture.changes.summary()));
    }
    let heading = Heading { stack: session.stack(), region: &session.region, account: picture.account.as_deref() };
    terminal.print(&text(&heading, picture, terminal.is_verbose(), terminal.paint))
}
