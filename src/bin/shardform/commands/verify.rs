//! `verify`: checks that the cluster works and is as planned.

use super::{Context, block_on};
use crate::args::Verify;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::reach;
use crate::session::{Intent, Session};
use crate::terminal::Volume;
use crate::verification::verification;
use crate::view::plan::Heading;
use crate::view::verify::VerifyDocument;

pub(super) fn run(args: &Verify, context: &Context) -> Result<u8, Error> {
    let (terminal, environment) = (context.terminal, context.environment);
    let (session, picture, verified) = block_on(async |interrupt: Interrupt| {
        let work = async {
            let session = Session::open(&args.plan_file, Intent::Apply, context.global, environment, terminal).await?;
            let picture = session.picture(Intent::Apply).await?;
            Ok((session, picture))
        };
        let (session, picture) = interrupt.leaving(work).await?;
        let opening = reach::open_via(args.way.via, &session, &picture.live, environment, terminal);
        let way = interrupt.leaving(opening).await;
        let verified = verification(&picture, way.as_ref(), &interrupt).await?;
        Ok((session, picture, verified))
    })?;
    let heading = Heading { stack: session.stack(), region: &session.region, account: picture.account.as_deref() };
    let document = VerifyDocument::new(&heading, &verified.report);
    if terminal.json {
        terminal.print_document(&document)?;
    } else {
        terminal.print(&document.text(terminal.volume == Volume::Quiet, terminal.paint))?;
    }
    Ok(document.exit_code)
}
