//! `status`: shows what is live, at once; waits for nothing.

use super::{Context, block_on};
use crate::args::PlanFileArgs;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::session::{Intent, Session};
use crate::view::plan::Heading;
use crate::view::status::StatusDocument;

pub(super) fn run(args: &PlanFileArgs, context: &Context) -> Result<u8, Error> {
    let (terminal, environment) = (context.terminal, context.environment);
    let (session, picture) = block_on(async |interrupt: Interrupt| {
        let work = async {
            let session = Session::open(args, Intent::Look, context.global, environment, terminal).await?;
            let picture = session.picture(Intent::Look).await?;
            Ok((session, picture))
        };
        interrupt.leaving(work).await
    })?;
    let heading = Heading { stack: session.stack(), region: &session.region, account: picture.account.as_deref() };
    let document = StatusDocument::new(&heading, &session.plan_file.spec, &picture.live);
    if terminal.json {
        terminal.print_document(&document)?;
    } else {
        terminal.print(&document.text(terminal.paint))?;
    }
    Ok(0)
}
